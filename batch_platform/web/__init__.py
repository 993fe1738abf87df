"""The app: login, roles, API conventions, console shell. Knows no domain; domains hand it their routes and pages."""
