"""Find middleware in the wrong order, and explain why it is wrong.

    from asgi_middleware import Middleware
    from asgi_middleware.cors import CORSMiddleware
    from asgi_middleware.order import findings
    from asgi_middleware.sessions import SessionMiddleware

    stack = [Middleware(SessionMiddleware, secret_key="..."), Middleware(CORSMiddleware)]     # the first is outermost
    for finding in findings(stack):
        print(finding)

`python -m asgi_middleware.order module:app` prints the stack of an application and the findings, and exits with 1 if
there are any.
"""

from __future__ import annotations

from ._findings import Finding, findings, stack_of

__all__ = ["Finding", "findings", "stack_of"]
