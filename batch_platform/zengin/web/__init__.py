"""API and console of zengin."""
