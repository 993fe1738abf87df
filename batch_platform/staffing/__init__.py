"""staffing: the jobs of an engineer-staffing SaaS, from its facts to statuses, usage, invoices, reports and mail.

engineer_status; company_usage -> system_stats, engineer_activity, approach_metrics -> invoices -> monthly_reports;
backup; maintenance, performance_report
"""
