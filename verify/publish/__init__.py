"""Files that passed go to noteDigger and into a release; no others do."""
