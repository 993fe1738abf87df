def test_x(services, settings):
    import psycopg, boto3
    with psycopg.connect(settings.database_url.get_secret_value()) as c:
        print(c.execute("select version(), current_setting('server_encoding'), 'あ' < 'い'").fetchone())
    print(boto3.client("s3").list_buckets()["Buckets"], boto3.client("dynamodb").list_tables()["TableNames"])
    print(boto3.client("s3").get_bucket_lifecycle_configuration(Bucket="local-batch-platform")["Rules"])
    from batch_platform.local.provision import restore
    assert restore(services) == []
