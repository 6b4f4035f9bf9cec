"""What an error of the S3 client means for the user: a reason, the place and what to do.

The client's own text is never passed on: it holds request addresses and whole answers. Where it
has no class of its own for a meaning (a bucket that does not exist, a server that is down), the
S3 error code in the text is the only sign, and it is S3's protocol, not the client's wording.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from obstore import exceptions

from modelservice_runtime.failure import Failure, Reason

# The last is the client's: AWS answers HEAD in the wrong region with a redirect to nowhere.
_WRONG_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "without LOCATION")


@dataclass(frozen=True)
class Place:
    """Where an object is, in words for messages. `aws` says that the server is AWS's own.

    Any other server is not named: its address stands in a Secret, and messages end up in a status
    that more people may read than the Secret.
    """

    bucket: str
    key: str
    aws: bool
    secret: str

    @property
    def uri(self) -> str:
        """The `s3://` address."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def server(self) -> str:
        """Whom we talk to, as a sentence begins with it."""
        return "AWS S3" if self.aws else "The S3 server"

    def at(self, key: str) -> "Place":
        """Another key of the same bucket."""
        return replace(self, key=key)


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Turn errors of the client and of the local disk into a `Failure` about `place`."""
    try:
        yield
    except FileNotFoundError as error:
        raise _not_found(place, text=str(error)) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise _denied(place, text=str(error)) from None
    except exceptions.PreconditionError:
        raise _failure(
            Reason.STORAGE_UNAVAILABLE, f"{place.uri} was replaced while it was being read."
        ) from None
    except (exceptions.InvalidPathError, ValueError):
        raise _failure(
            Reason.SOURCE_NOT_FOUND,
            f"{place.uri} cannot name an object: a part between slashes is empty, . or .., "
            "or has a control character.",
        ) from None
    except (exceptions.BaseError, ConnectionError) as error:
        raise _other(place, text=str(error)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise full(place.uri, size=None) from None
        raise


def full(uri: str, *, size: int | None) -> Failure:
    """The volume of the models has no room for the object."""
    what = uri if size is None else f"{uri} ({size / 2**20:.0f} MiB)"
    return _failure(
        Reason.STORAGE_FULL,
        f"{what} does not fit on the volume for models. Raise spec.serving.modelStorage.size, or "
        "free disk on the node.",
    )


def _not_found(place: Place, *, text: str) -> Failure:
    if "NoSuchBucket" in text:
        return _failure(
            Reason.SOURCE_NOT_FOUND,
            f"{place.server} has no bucket {place.bucket}. Create it, or correct the URI "
            f"{place.uri}.",
        )
    return _failure(
        Reason.SOURCE_NOT_FOUND,
        f"{place.server} has no object {place.uri}. Upload it, or correct the URI.",
    )


def _denied(place: Place, *, text: str) -> Failure:
    if "InvalidAccessKeyId" in text:
        problem = "does not know AWS_ACCESS_KEY_ID"
    elif "SignatureDoesNotMatch" in text:
        problem = "does not accept AWS_SECRET_ACCESS_KEY"
    else:
        return _failure(
            Reason.ACCESS_DENIED,
            f"{place.server} refuses access to {place.uri} with the keys of the Secret "
            f"{place.secret}. Give them the right to read (for training also to write) there.",
        )
    return _failure(
        Reason.ACCESS_DENIED,
        f"{place.server} {problem} of the Secret {place.secret}. Correct the Secret.",
    )


def _other(place: Place, *, text: str) -> Failure:
    if "NoSuchBucket" in text:
        return _not_found(place, text=text)
    if any(sign in text for sign in _WRONG_REGION):
        return _failure(
            Reason.ACCESS_DENIED,
            f"{place.server} has the bucket {place.bucket} in another region. Correct AWS_REGION "
            f"in the Secret {place.secret}.",
        )
    return _failure(
        Reason.STORAGE_UNAVAILABLE,
        f"{place.server} does not answer as S3 does for {place.uri}. See that the server is up and "
        f"that AWS_ENDPOINT_URL in the Secret {place.secret} is right.",
    )


def _failure(reason: Reason, message: str) -> Failure:
    return Failure(reason=reason, message=message)
