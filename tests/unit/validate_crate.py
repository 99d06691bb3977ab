"""Validate an RO-Crate without a network: `python validate_crate.py <folder> <profile> [<severity>]`.

It runs in an environment of its own, whose packages exclude those of the tests' (roc-validator wants an older rich than
import-linter; see envs/roc-validator.txt). What the validator would fetch is the JSON-LD context of RO-Crate 1.1, of
which the rocrate there brings a copy.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import rocrate
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


class Brought(HTTPAdapter):
    """Answers with rocrate's copy of the context."""

    def send(self, request: PreparedRequest, **how: Any) -> Response:
        """Return it, whatever is asked."""
        body = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").open("rb")
        headers = {"Content-Type": "application/ld+json"}
        answer = HTTPResponse(body, headers=headers, status=200, preload_content=False, request_url=request.url)
        return self.build_response(request, answer)


def fill(cache: str) -> None:
    """Put the context into the cache of what the validator has fetched."""
    with CachedSession(cache, expire_after=-1) as session:
        session.mount(CONTEXT, Brought())
        session.get(CONTEXT)


with tempfile.TemporaryDirectory() as folder:
    cache = str(Path(folder) / "cache")
    fill(cache)
    settings = ValidationSettings(
        rocrate_uri=sys.argv[1],
        profile_identifier=sys.argv[2],
        requirement_severity=Severity[sys.argv[3] if len(sys.argv) > 3 else "REQUIRED"],
        cache_path=cache,
        offline=True,
    )
    result = validate(settings)
    issues = [f"{issue.severity.name}: {issue.message} ({issue.violatingEntity})" for issue in result.get_issues()]
    print(json.dumps({"checked": len(result.executed_checks), "issues": issues}, indent=1))
