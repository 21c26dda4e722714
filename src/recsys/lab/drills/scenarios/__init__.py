"""One incident a file: its docstring is the story, its ``scenario`` plays it. The file's name is the drill's."""
