"""Errors of the Hugging Face Hub, converted to one line with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from .hub_address import Address

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

LOG_IN = "log in by `hf auth login`, or set HF_TOKEN"


def page_of(address: Address) -> str:
    """URL of the repository's web page."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{address.repo}"


@contextmanager
def explained(address: Address) -> Iterator[None]:
    """Convert errors of `huggingface_hub` to a ValueError with a remedy."""
    from huggingface_hub import errors

    page = page_of(address)
    try:
        yield
    except errors.GatedRepoError as error:
        raise ValueError(
            f"got {address}, a gated repository; expected an account that was let in; accept its "
            f"licence at {page}, then {LOG_IN}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ValueError(
            f"got {address}, but {page} is not there or is private; expected a model repository "
            f"that you may read; correct the name, or {LOG_IN}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ValueError(
            f"got {address}, but there is no revision {address.revision}; expected a branch, a tag "
            f"or a commit; choose one of {page}/commits/main"
        ) from error
    except errors.HfHubHTTPError as error:
        _refuse(address, error)
    except (errors.HTTPError, OSError) as error:
        if getattr(error, "errno", None) is not None:  # a system error, e.g. a full disk
            raise
        reason = " ".join(str(error.__cause__ or error).split())
        raise ValueError(
            f"got {address}, but no answer from {page} ({reason}); expected a connection to it; "
            "check the network, HF_ENDPOINT and proxies; HF_HUB_OFFLINE=1 takes what is in the "
            "cache"
        ) from error


def _refuse(address: Address, error: HfHubHTTPError) -> NoReturn:
    status = error.response.status_code
    reason = " ".join((error.server_message or "no reason given").split())
    remedy = "try again later"
    if status in (401, 403):
        remedy = f"{LOG_IN}, with a token that may do this"
    raise ValueError(
        f"got answer {status} from {page_of(address)} for {address} ({reason}); expected to be "
        f"let in; {remedy}"
    ) from error
