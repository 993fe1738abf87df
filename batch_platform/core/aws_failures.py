"""What AWS answers when it does not do what it was asked, as failures in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure, PlatformError, TransientFailure

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_CREDENTIALS_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_CREDENTIALS_INVALID = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationTokenException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_ABSENT = {"404", "NoSuchKey", "NoSuchUpload", "ResourceNotFoundException"}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled"}
_MOVED = {"412", "PreconditionFailed", "ConditionalRequestConflict"}
_BUSY = {
    "InternalError",
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}


class ObjectMoved(TransientFailure):
    """The object was overwritten or deleted while it was read: start over from what named it."""


@contextmanager
def aws_failures(context: str) -> Iterator[None]:
    """Turn what botocore raises into one clear sentence that starts with `context`, such as `s3://bucket/key`.

    `NotFound` for what does not exist, `ObjectMoved` for a failed If-Match, `TransientFailure` for what may
    pass (dead endpoint, throttling), `PermanentFailure` for the rest. No text carries a key, token or
    external id.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise of_error(error, context) or error from error


def of_error(error: BaseException, context: str) -> PlatformError | None:
    """The failure that botocore's error is; None for an error of something else."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        return _of_answer(error, context)
    return _of_client(error, context) if isinstance(error, BotoCoreError) else None


def is_transient(error: ClientError) -> bool:
    """Whether the same request may succeed later."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or error_code(error) in _BUSY


def error_code(error: ClientError) -> str:
    """AWS's code, such as `NoSuchKey`; a HEAD has only the status, such as `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _of_answer(error: ClientError, context: str) -> PlatformError:
    code = error_code(error)
    operation = error.operation_name
    if code in _MOVED:
        return ObjectMoved(
            "object-overwritten",
            "{context} was overwritten meanwhile ({operation})",
            context=context,
            operation=operation,
        )
    if is_transient(error):
        return TransientFailure(
            "aws-busy",
            "{context}: AWS is busy or failing ({operation}: {code})",
            context=context,
            operation=operation,
            code=code,
        )
    if code == "NoSuchBucket":
        bucket = error.response.get("Error", {}).get("BucketName")
        if not bucket:
            return NotFound("bucket-missing", "{context}: the bucket does not exist", context=context)
        return NotFound(
            "bucket-of-that-name-missing",
            "{context}: bucket {bucket} does not exist",
            context=context,
            bucket=str(bucket),
        )
    if code in _ABSENT:
        return NotFound(
            "object-missing", "{context} does not exist ({operation})", context=context, operation=operation
        )
    if code in _DENIED and operation == "AssumeRole":
        return PermanentFailure(
            "role-not-assumable",
            "{context} cannot be assumed: access denied; its trust policy must name this platform's identity "
            "and the external id registered here",
            context=context,
        )
    if code in _DENIED:
        return PermanentFailure(
            "aws-access-denied", "{context}: access denied to {operation}", context=context, operation=operation
        )
    if code in _CREDENTIALS_EXPIRED:
        return PermanentFailure(
            "aws-credentials-expired",
            "{context}: the AWS credentials in use have expired ({operation})",
            context=context,
            operation=operation,
        )
    if code in _CREDENTIALS_INVALID:
        return PermanentFailure(
            "aws-credentials-refused",
            "{context}: AWS refuses the credentials in use ({operation}: {code})",
            context=context,
            operation=operation,
            code=code,
        )
    if code == "RequestTimeTooSkewed":
        return PermanentFailure(
            "clock-skewed", "{context}: this machine's clock differs from AWS's by too much", context=context
        )
    description = error.response.get("Error", {}).get("Message", "")
    return PermanentFailure(
        "aws-operation-failed",
        "{context}: {operation} failed: {reason}",
        context=context,
        operation=operation,
        reason=f"{code} {description}".rstrip(),
    )


def _of_client(error: BotoCoreError, context: str) -> PlatformError:
    from botocore.exceptions import (
        EndpointConnectionError,
        HTTPClientError,
        IncompleteReadError,
        NoCredentialsError,
        ParamValidationError,
        PartialCredentialsError,
    )
    from botocore.parsers import ResponseParserError

    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return PermanentFailure(
            "no-aws-credentials", "{context}: no AWS credentials found in the environment", context=context
        )
    if isinstance(error, ParamValidationError):
        return InvalidInput(
            "aws-call-invalid", "{context}: {reason}", context=context, reason=" ".join(str(error).split())
        )
    if isinstance(error, EndpointConnectionError):
        return TransientFailure(
            "aws-silent",
            "{context}: AWS does not answer at {endpoint}",
            context=context,
            endpoint=error.kwargs.get("endpoint_url"),
        )
    kind = type(error).__name__
    if isinstance(error, HTTPClientError | IncompleteReadError | ResponseParserError):
        return TransientFailure(
            "aws-connection-failed", "{context}: the connection to AWS failed ({kind})", context=context, kind=kind
        )
    return PermanentFailure(
        "aws-failed", "{context}: {kind}: {reason}", context=context, kind=kind, reason=" ".join(str(error).split())
    )
