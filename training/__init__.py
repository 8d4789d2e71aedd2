"""How the bundled detector is made: scenes, training, export, evaluation. No part of the installed package."""
