ALTER TABLE btc.batches ADD COLUMN failure jsonb;
COMMENT ON COLUMN btc.batches.failure IS
    'The message of error_message: id, text, parameters. NULL: there is only the sentence, as in old rows.';

CREATE FUNCTION btc.named(batch btc.batches) RETURNS jsonb LANGUAGE sql STABLE RETURN jsonb_build_object(
    'id', CASE WHEN (batch).reverses IS NULL THEN 'the-batch' ELSE 'the-reversal' END,
    'parameters', jsonb_strip_nulls(jsonb_build_object(
        'batch', (batch).batch_id, 'reverses', (batch).reverses,
        'rate', CASE WHEN (batch).reverses IS NULL THEN trim_scale((batch).adjustment_rate) || ' %' END)));
COMMENT ON FUNCTION btc.named IS 'How sentences call a batch: one of the phrases of the alert rules.';

CREATE FUNCTION btc.cause(batch btc.batches) RETURNS jsonb LANGUAGE sql STABLE RETURN
    coalesce((batch).failure, to_jsonb((batch).error_message));
COMMENT ON FUNCTION btc.cause IS 'Why a batch failed, as a message; of old rows the sentence.';
