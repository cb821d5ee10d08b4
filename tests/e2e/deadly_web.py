"""The web server's application with marks that kill (see deadly.py), for gunicorn."""

import deadly

from dev.wsgi import application

deadly.arm("web")

__all__ = ["application"]
