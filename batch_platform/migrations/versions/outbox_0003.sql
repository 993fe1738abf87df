-- Attachments of mails, and what the domain of a notice says right before it is sent.

ALTER TABLE outbox.notices
    ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]',
    ADD CHECK (attachments = '[]' OR channel = 'mail'),
    ADD CHECK (jsonb_typeof(attachments) = 'array' AND NOT jsonb_path_exists(attachments, '$[*] ? (!(
        @.bucket.type() == "string" && @.key.type() == "string" && @.filename.type() == "string"
        && @.content_type.type() == "string" && @.content_type like_regex "^[a-z]+/[a-z0-9.+-]+$"
        && @.sha256.type() == "string" && @.sha256 like_regex "^[0-9a-f]{64}$"))'));
COMMENT ON COLUMN outbox.notices.attachments IS
    'What is fetched and sent with it: [{bucket, key, sha256, filename, content_type}]. The bytes are not kept here.';

-- As before, with attachments.
CREATE OR REPLACE FUNCTION outbox.enqueue(domain text, notices jsonb, at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
    WITH added AS (
        INSERT INTO outbox.notices (domain, key, channel, category, template, parameters, attachments, recipient,
                                    state, next_attempt_at, created_at, accepted_at, settled_at)
        SELECT enqueue.domain, n.key, n.channel, coalesce(n.category, 'transactional'), n.template,
               coalesce(n.parameters, '{}'), coalesce(n.attachments, '[]'), n.recipient,
               CASE n.channel WHEN 'in_app' THEN 'delivered' ELSE 'pending' END,
               greatest(n.not_before, enqueue.at), enqueue.at,
               CASE n.channel WHEN 'in_app' THEN enqueue.at END,
               CASE n.channel WHEN 'in_app' THEN enqueue.at END
          FROM jsonb_to_recordset(enqueue.notices)
               AS n(key text, channel text, category text, template text, parameters jsonb, attachments jsonb,
                    recipient text, not_before timestamptz)
         ORDER BY n.key
        ON CONFLICT ON CONSTRAINT notices_domain_key_key DO NOTHING
        RETURNING 1)
    SELECT count(*) FROM added
$$;
COMMENT ON FUNCTION outbox.enqueue IS
    'Add notices of a domain: [{key, channel, template, recipient, parameters?, category?, not_before?, attachments?}].';

-- A domain that has something to say has the function <domain>.vetoes(notices jsonb, at timestamptz) RETURNS TABLE
-- (key text, reason text): those of its notices that must not be sent now, and why. One that fails holds back its own
-- notices alone; what may pass (a lock, a lost server) is left to whoever claims, to try again.
CREATE FUNCTION outbox.vetoes(ids uuid[], at timestamptz) RETURNS TABLE (id uuid, obstacle text, detail text)
LANGUAGE plpgsql AS $$
DECLARE
    asked record;
    vetoed jsonb;
BEGIN
    FOR asked IN
        SELECT n.domain, array_agg(n.id) AS ids,
               jsonb_agg(jsonb_build_object(
                   'key', n.key, 'channel', n.channel, 'category', n.category, 'template', n.template,
                   'recipient', n.recipient, 'parameters', n.parameters) ORDER BY n.number) AS notices
          FROM outbox.notices n
         WHERE n.id = ANY(vetoes.ids)
         GROUP BY n.domain
        HAVING to_regprocedure(format('%I.vetoes(jsonb, timestamptz)', n.domain)) IS NOT NULL
    LOOP
        BEGIN
            EXECUTE format('SELECT jsonb_object_agg(key, coalesce(reason, %L)) FROM %I.vetoes($1, $2)', '', asked.domain)
               INTO vetoed USING asked.notices, vetoes.at;
            RETURN QUERY
                SELECT n.id, 'vetoed', nullif(vetoed ->> n.key, '')
                  FROM outbox.notices n
                 WHERE n.id = ANY(asked.ids) AND vetoed ? n.key;
        EXCEPTION WHEN OTHERS THEN
            IF left(SQLSTATE, 2) IN ('08', '40', '53', '55', '57', '58') THEN
                RAISE;
            END IF;
            RETURN QUERY SELECT each, 'not-judged', SQLERRM FROM unnest(asked.ids) each;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION outbox.vetoes IS
    'Those of these notices that their domain does not want to be sent now (vetoed), or cannot judge (not-judged).';

-- The cap counts a recipient whatever its case, and with what may have been sent.
DROP INDEX outbox.notices_advertised;
CREATE INDEX notices_advertised ON outbox.notices (channel, lower(recipient), attempted_at)
    WHERE category = 'advertising'
      AND (state IN ('sending', 'accepted', 'delivered', 'bounced') OR unknown_since IS NOT NULL);
