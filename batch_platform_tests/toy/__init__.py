"""toy: the smallest domain there is, of one job, one list and one action; `test_domains` puts it on the list."""
