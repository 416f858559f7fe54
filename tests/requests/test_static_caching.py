"""Cache-Control of static files, names that never change, and what is answered from memory."""

from __future__ import annotations

import json
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from asgi_requests import CacheControl
from asgi_requests.staticfiles import StaticFiles
from asgi_requests.staticfiles import _remembered as remembered
from asgi_requests.staticfiles._globs import compile_glob
from asgi_requests.staticfiles._policy import IMMUTABLE, TOOLS, looks_hashed
from raw_asgi import request

HASHED = "app.27e20196a850.css"


def write(path, content=b"content"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def root(tmp_path):
    static = tmp_path / "static"
    for name in ("index.html", "docs/index.html", "app.css", HASHED, "img/logo.png", "img/deep/icon.png", "plain.bin"):
        write(static / name, name.encode())
    return static


async def cache_control(app, path):
    return (await request(app, path=path)).header("cache-control")


# Patterns


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("*.css", ["a.css", "css/a.css", "x/y/.css"], ["a.css/b", "a.scss.map", "acss"]),
        ("css/*.css", ["css/a.css"], ["a.css", "css/x/a.css", "x/css/a.css"]),
        ("css/**", ["css/a", "css/x/y/a"], ["css", "xcss/a"]),
        ("**/img/*", ["img/a", "x/y/img/a"], ["img/x/a", "ximg/a"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("file?.js", ["file1.js"], ["file.js", "file12.js"]),
        ("v[0-9]/x", ["v1/x"], ["va/x", "v-/x"]),
        ("[!a]/x", ["b/x"], ["a/x", "//x"]),
        ("a+(b).js", ["a+(b).js"], ["aab.js"]),
        ("[x", ["[x"], ["x"]),
        ("**", ["a", "a/b"], []),
        ("*", ["a", "a/b"], []),
    ],
)
def test_a_pattern_matches_paths_or_names(glob, matching, others):
    matches = compile_glob(glob)
    assert [path for path in matching if matches(path) is None] == []
    assert [path for path in others if matches(path) is not None] == []


async def test_the_first_pattern_that_matches_counts(root):
    patterns = {"*.html": "no-cache", "img/*": "max-age=60", "img/**": "max-age=600", "*": "max-age=5"}
    app = StaticFiles(directory=root, html=True, cache_control=patterns)
    assert await cache_control(app, "/index.html") == "no-cache"
    assert await cache_control(app, "/docs/") == "no-cache"
    assert await cache_control(app, "/img/logo.png") == "max-age=60"
    assert await cache_control(app, "/img/deep/icon.png") == "max-age=600"
    assert await cache_control(app, "/plain.bin") == "max-age=5"
    assert await cache_control(StaticFiles(directory=root, cache_control={"*.css": "no-cache"}), "/plain.bin") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cache_control": {"/app.css": "no-cache"}}, r"cache_control: '/app.css' is taken as 'app.css'"),
        ({"cache_control": {"img/": "no-cache"}}, r"cache_control: 'img/' matches no file: write 'img/\*\*'"),
        ({"cache_control": {"": "no-cache"}}, r"cache_control: '' matches no file"),
        ({"cache_control": {"..\\x": "no-cache"}}, r"matches no file: write a path below the directory, with '/'"),
        ({"cache_control": {"../x": "no-cache"}}, r"cache_control: '../x' matches no file"),
        ({"cache_control": {"*": "a", "*.css": "b"}}, r"'\*.css' is never reached: write it before '\*'"),
        ({"immutable": ["./x"]}, r"immutable: './x' matches no file"),
        ({"fallback": "/index.html"}, r"fallback: '/index.html' is taken as 'index.html'"),
        ({"manifest": "/nowhere/manifest.json"}, r"manifest: '/nowhere/manifest.json' cannot be read .*build before"),
    ],
)
def test_an_option_without_effect_is_warned_of_where_it_is_written(root, options, message):
    with pytest.warns(UserWarning, match=message) as warned:
        StaticFiles(directory=root, **options)
    assert warned[0].filename == __file__


async def test_a_pattern_is_corrected_or_left_out(root):
    with pytest.warns(UserWarning, match="cache_control"):
        app = StaticFiles(directory=root, cache_control={"/app.css": "no-cache", "": "max-age=1"})
    assert await cache_control(app, "/app.css") == "no-cache"
    assert await cache_control(app, "/plain.bin") is None


@pytest.mark.parametrize("value", ["a\r\nb: c", {"*": "a\nb"}])
def test_a_value_that_would_split_the_header_is_refused(root, value):
    with pytest.raises(ValueError, match="header"):
        StaticFiles(directory=root, cache_control=value)


# Immutable names


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("css/app.27e20196a850.css", True),
        ("app.min.27e20196a850.css", True),
        ("app-1a2b3c4d.js", True),
        ("app-1a2b3c4d.js.map", True),
        ("chunk.0d1e2f3a4b5c6d7e8f90.js", True),
        ("app.js", False),
        ("27e20196a850.css", False),
        ("report-20261128.pdf", False),
        ("report.202611281530.pdf", False),
        ("my-facade.css", False),
        ("old-defaced80.js", False),
        ("iso-abc12345.js", False),
        ("app.27E20196A850.css", False),
        ("app-1a2b3c.js", False),
        ("app-1a2b3c4d", False),
        ("27e20196a850.d/app.css", False),
        ("index-DkX3f9aB.js", False),
    ],
)
def test_a_hash_is_what_no_person_writes(path, expected):
    assert looks_hashed(path) is expected


@pytest.mark.parametrize(
    ("tool", "matching", "others"),
    [
        ("django", ["a/app.27e20196a850.css"], ["app.css", "app-27e20196a850.css", "app.27e20196a85.css"]),
        ("vite", ["assets/index-DkX3f9aB.js", "x/assets/a-b_-dEf12.css"], ["index-DkX3f9aB.js", "assets/index.js"]),
        ("esbuild", ["chunk-4KJ2HQ7A.js", "out/a.4KJ2HQ7A.js.map"], ["chunk-4kj2hq7a.js", "a-0189ABCD.js"]),
    ],
)
def test_a_tool_that_is_named_has_its_own_pattern(tool, matching, others):
    assert all(TOOLS[tool](path) for path in matching)
    assert not any(TOOLS[tool](path) for path in others)


@pytest.mark.parametrize("immutable", [True, "django", ["django"], f"{HASHED}", ["app.*.css"]])
async def test_an_immutable_name_is_cached_for_a_year(root, immutable):
    app = StaticFiles(directory=root, immutable=immutable, cache_control="no-cache")
    assert await cache_control(app, "/" + HASHED) == IMMUTABLE == "public, max-age=31536000, immutable"
    assert await cache_control(app, "/app.css") == "no-cache"
    tag = (await request(app, path="/" + HASHED)).header("etag")
    reply = await request(app, path="/" + HASHED, headers=[(b"if-none-match", tag.encode())])
    assert (reply.status, reply.header("cache-control")) == (304, IMMUTABLE)


async def test_a_function_is_asked_where_the_name_is_not_immutable(root):
    asked = []
    app = StaticFiles(directory=root, immutable=True, cache_control=lambda path: asked.append(path) or "no-store")
    assert await cache_control(app, "/" + HASHED) == IMMUTABLE
    assert await cache_control(app, "/app.css") == "no-store"
    assert asked == ["app.css"]
    assert (
        await cache_control(StaticFiles(directory=root, immutable=True, cache_control=lambda path: None), "/x") is None
    )


async def test_directives_are_a_value_wherever_a_text_is_one(root):
    brief = CacheControl(max_age=5)
    for option in (brief, {"*.css": brief}, lambda path: brief):
        assert await cache_control(StaticFiles(directory=root, cache_control=option), "/app.css") == "max-age=5"


async def test_no_name_is_immutable_unless_asked_for(root):
    assert await cache_control(StaticFiles(directory=root), "/" + HASHED) is None


MANIFESTS = {
    "django": {"version": "1.1", "paths": {"a.css": "a.27e20196a850.css", "b.css": "b.css", "c": 7}},
    "vite": {
        "src/main.ts": {
            "file": "assets/main-DkX3f9aB.js",
            "name": "main",
            "src": "src/main.ts",
            "css": ["assets/main-B1c2D3e4.css"],
            "assets": ["assets/logo-AbCdEfGh.png", 7],
        },
        "src/my-settings.ts": {"file": "my-settings.js", "src": "src/my-settings.ts"},
        "odd": "entry",
        "assets/plain.svg": {"file": 5, "css": "none"},
    },
    "esbuild": {
        "inputs": {"src/entry-settings.js": {}},
        "outputs": {"build/static/chunk-4KJ2HQ7A.js": {}, "build/static/entry-settings.js": {}, "gone-4KJ2HQ7A.js": {}},
    },
}
NAMES = {
    "django": (["a.27e20196a850.css"], ["b.css"]),
    "vite": (
        ["assets/main-DkX3f9aB.js", "assets/main-B1c2D3e4.css", "assets/logo-AbCdEfGh.png"],
        ["my-settings.js", "assets/other-DkX3f9aB.js"],
    ),
    "esbuild": (["chunk-4KJ2HQ7A.js"], ["entry-settings.js"]),
}


@pytest.mark.parametrize("tool", MANIFESTS)
async def test_a_manifest_says_which_names_are_immutable(tool, tmp_path):
    root = tmp_path / "static"
    hashed, others = NAMES[tool]
    for name in hashed + others:
        write(root / name)
    write(tmp_path / "manifest.json", json.dumps(MANIFESTS[tool]).encode())
    for manifest in (tmp_path / "manifest.json", [str(tmp_path / "manifest.json"), {}]):
        app = StaticFiles(directory=root, manifest=manifest)
        assert {await cache_control(app, "/" + name) for name in hashed} == {IMMUTABLE}
        assert {await cache_control(app, "/" + name) for name in others} == {None}


async def test_a_folder_of_the_output_may_be_served_alone(tmp_path):
    write(tmp_path / "dist/assets/main-DkX3f9aB.js")
    write(tmp_path / "dist/.vite/manifest.json", json.dumps(MANIFESTS["vite"]).encode())
    app = StaticFiles(directory=tmp_path / "dist/assets", manifest=tmp_path / "dist/.vite/manifest.json")
    assert await cache_control(app, "/main-DkX3f9aB.js") == IMMUTABLE


async def test_a_mapping_is_a_manifest(root):
    app = StaticFiles(directory=root, manifest={"app.css": HASHED, "plain.bin": "plain.bin"})
    assert await cache_control(app, "/" + HASHED) == IMMUTABLE
    assert await cache_control(app, "/plain.bin") is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        StaticFiles(directory=root, manifest={})


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"paths": {"a.css": "a.css"}}', b'{"outputs": {"x.js": {}}}'])
def test_a_manifest_without_a_name_of_the_directory_is_warned_of(root, tmp_path, content):
    write(tmp_path / "manifest.json", content)
    with pytest.warns(
        UserWarning, match=r"lists no file of the directory with a hash in its name; take staticfiles.json"
    ):
        StaticFiles(directory=root, manifest=tmp_path / "manifest.json")


def test_a_manifest_that_is_not_json_is_warned_of(root, tmp_path):
    write(tmp_path / "manifest.json", b"{")
    with pytest.warns(UserWarning, match="cannot be read"):
        StaticFiles(directory=root, manifest=tmp_path / "manifest.json")


# From memory


class Looking(StaticFiles):
    """Counts the look-ups."""

    looks = 0

    def lookup_path(self, path):
        self.looks += 1
        return super().lookup_path(path)


async def conditional(app, path, tag, method="GET"):
    return await request(app, method, path, headers=[(b"if-none-match", tag.encode())])


async def test_304_and_head_are_answered_from_memory(root):
    app = Looking(directory=root, stat_max_age=60)
    tag = (await request(app, path="/app.css")).header("etag")
    assert app.looks == 1
    for _ in range(3):
        assert (await conditional(app, "/app.css", tag)).status == 304
        assert (await request(app, "HEAD", "/app.css")).status == 200
        assert (await request(app, path="/app.css")).body == b"app.css"
    assert app.looks == 1


async def test_by_default_every_request_looks(root):
    app = Looking(directory=root)
    tag = (await request(app, path="/app.css")).header("etag")
    for _ in range(3):
        assert (await conditional(app, "/app.css", tag)).status == 304
    assert app.looks == 4


async def test_what_is_remembered_ages(root, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(remembered, "monotonic", lambda: now[0])
    app = StaticFiles(directory=root, stat_max_age=2.0, immutable=True)
    tags = {path: (await request(app, path=path)).header("etag") for path in ("/app.css", "/" + HASHED)}
    for path in tags:
        write(root / path[1:], b"changed")
    now[0] = 101.9
    assert {(await conditional(app, path, tag)).status for path, tag in tags.items()} == {304}
    now[0] = 102.0
    assert (await conditional(app, "/app.css", tags["/app.css"])).body == b"changed"
    # A name that changes with its content is believed without limit, as the client does.
    assert (await conditional(app, "/" + HASHED, tags["/" + HASHED])).status == 304
    assert (await request(app, path="/" + HASHED)).body == b"changed"
    assert (await conditional(app, "/" + HASHED, tags["/" + HASHED])).status == 200


def rewrite_in_place(path, content):
    status = os.stat(path)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path, content):
    path.with_suffix(".new").write_bytes(content)
    os.replace(path.with_suffix(".new"), path)


@pytest.mark.parametrize("change", [rewrite_in_place, replace])
@pytest.mark.parametrize("size", [7, 300_000])
@pytest.mark.parametrize("headers", [[], [(b"range", b"bytes=0-2")], [(b"if-none-match", b'"old"')]])
async def test_content_is_never_sent_with_what_was_remembered_of_another(root, change, size, headers):
    app = StaticFiles(directory=root, stat_max_age=60, precompressed=True)
    write(root / "app.css", b"a" * size)
    first = await request(app, path="/app.css")
    # The same size, and with `rewrite_in_place` the same time: only the inode tells.
    change(root / "app.css", b"b" * size)
    reply = await request(app, path="/app.css", headers=headers)
    assert set(reply.body) == {ord("b")}
    if change is replace:
        assert reply.header("etag") != first.header("etag")
    # What has been found instead is remembered in its place.
    assert (await conditional(app, "/app.css", reply.header("etag"))).status == 304


@pytest.mark.parametrize("path", ["/" + HASHED, "/app.css"])
async def test_a_file_that_is_gone_is_404(root, path):
    app = StaticFiles(directory=root, stat_max_age=60, immutable=True)
    assert (await request(app, path=path)).status == 200
    os.unlink(root / path[1:])
    assert (await request(app, path=path)).status == 404


async def test_a_file_that_becomes_a_link_is_looked_up_again(root, tmp_path):
    app = StaticFiles(directory=root, stat_max_age=60)
    assert (await request(app, path="/img/logo.png")).status == 200
    write(tmp_path / "outside/logo.png", b"SECRET")
    os.rename(root / "img", root / "img-old")
    (root / "img").symlink_to(tmp_path / "outside")
    assert (await request(app, path="/img/logo.png")).status == 404


@pytest.mark.parametrize("follow_symlink", [False, True])
async def test_a_sibling_is_not_sent_for_a_file_that_has_changed(root, follow_symlink):
    app = StaticFiles(directory=root, stat_max_age=60, precompressed=True, follow_symlink=follow_symlink)
    write(root / "app.css.br", b"BROTLI")
    headers = [(b"accept-encoding", b"br")]
    assert (await request(app, path="/app.css", headers=headers)).body == b"BROTLI"
    assert (await request(app, path="/app.css", headers=headers)).body == b"BROTLI"
    # The sibling is the same as it was remembered.
    write(root / "app.css", b"changed")
    os.utime(root / "app.css", (2_000_000_000, 2_000_000_000))
    assert (await request(app, path="/app.css", headers=headers)).body == b"changed"


async def test_no_more_is_remembered_than_a_bound(root):
    memory = remembered.Remembered(60, 2)
    for name in ("a", "b", "b", "c"):
        memory.put((name, False, False), name, immutable=False)
    assert [memory.get((name, False, False)) for name in "abc"] == [None, "b", "c"]
    memory.forget(("b", False, False))
    memory.forget(("none", False, False))
    assert memory.get(("b", False, False)) is None


def test_several_threads_may_remember_at_once():
    memory = remembered.Remembered(60, 2)

    def put(name):
        for number in range(5000):
            memory.put((f"{name}{number}", False, False), name, immutable=False)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(put, "abcd"))
    finally:
        sys.setswitchinterval(interval)


async def test_neither_directories_nor_missing_names_are_remembered(root):
    write(root / "404.html")
    app = Looking(directory=root, html=True, stat_max_age=60, fallback="index.html")
    for path in ("/docs", "/missing"):
        before = app.looks
        for _ in range(2):
            await request(app, path=path)
        assert app.looks > before + 2
    navigation = [(b"accept", b"text/html")]
    for _ in range(2):
        assert (await request(app, path="/deep/link", headers=navigation)).body == b"index.html"
        assert (await request(app, path="/deep/link")).status == 404


async def test_the_slash_after_a_name_is_not_forgotten(root):
    app = StaticFiles(directory=root, stat_max_age=60)
    assert (await request(app, path="/app.css")).status == 200
    assert (await request(app, path="/app.css/")).status == 404


async def test_a_file_that_may_not_be_opened_any_more_is_403(root, monkeypatch):
    app = StaticFiles(directory=root, stat_max_age=60)
    assert (await request(app, path="/app.css")).status == 200

    def refuse(*args, **options):
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert (await request(app, path="/app.css")).status == 403


async def test_a_large_file_that_is_replaced_between_two_looks_is_found_again(root):
    class Replacing(StaticFiles):
        replaced = 0

        def file_response(self, full_path, *args, **options):
            if self.replaced == 1:
                replace(root / "app.css", b"b" * 300_000)
            self.replaced += 1
            return super().file_response(full_path, *args, **options)

    write(root / "app.css", b"a" * 300_000)
    app = Replacing(directory=root, stat_max_age=60)
    assert set((await request(app, path="/app.css")).body) == {ord("a")}
    assert set((await request(app, path="/app.css")).body) == {ord("b")}


async def test_the_memory_is_emptied_when_a_file_is_replaced_while_it_is_opened(root):
    class Replacing(StaticFiles):
        replaced = False

        def file_response(self, full_path, *args, **options):
            response = super().file_response(full_path, *args, **options)
            if not self.replaced:
                replace(root / "app.css", b"b" * 300_000)
                self.replaced = True
            return response

    write(root / "app.css", b"a" * 300_000)
    assert set((await request(Replacing(directory=root, stat_max_age=60), path="/app.css")).body) == {ord("b")}
