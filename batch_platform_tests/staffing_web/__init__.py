"""Tests of API and console of staffing."""
