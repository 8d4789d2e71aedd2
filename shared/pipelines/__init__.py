"""Which pipelines there are: built in, from the settings file, from plugins; profiles and languages."""
