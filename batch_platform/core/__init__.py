"""What every domain may use and that knows none of them."""
