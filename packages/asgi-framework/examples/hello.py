"""Hello, world: `uvicorn hello:app`."""

from asgi_framework import App, JSONResponse, Request, Route


async def hello(request: Request) -> JSONResponse:
    return JSONResponse({"hello": request.path_params["name"]})


app = App(routes=[Route("/hello/{name}", hello)])
