"""SoundReactor for ComfyUI: generated stereo sound for video.

ComfyUI imports this file at every start, and pytest when it collects the repository, so nothing
is imported before the host asks for the nodes.
"""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """The extension, as ComfyUI's V3 loader expects it."""
    from .nodes import SoundReactorExtension

    return SoundReactorExtension()
