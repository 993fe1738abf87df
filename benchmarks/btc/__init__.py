"""One rate over every balance, and kills. A package, for its worker processes would run a single file's code anew."""
