"""Views of a report for people: Markdown, and one HTML page. Both show everything that is in it."""
