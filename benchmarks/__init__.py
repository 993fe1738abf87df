"""One file a claim: each prints figures and ratios of one run and asserts nothing about time."""
