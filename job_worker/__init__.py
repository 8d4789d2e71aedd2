"""The Foregsyte worker: takes jobs from the API, runs the video pipeline and reports back."""
