"""wred: 130 lines, JSON only. A floor: it has no HEAD, 405, lifespan, typed parameters or WebSockets."""

CASES = ("json", "param", "post_json")


def application(case: str):
    from wred import App

    if case not in CASES:
        return None
    app = App()

    @app.route("/json")
    async def small_json(request):
        return {"message": "hello, world"}

    @app.route("/users/{id}")
    async def param(request, id):
        return str(int(id)).encode(), [("content-type", "text/plain; charset=utf-8")], 200

    @app.route("/echo", ["POST"])
    async def post_json(request):
        return await request.json()

    return app
