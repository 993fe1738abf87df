"""What a domain declares itself with. It knows no domain and stands on operations, web and core."""
