"""The one report: findings, what they rest on and what was not judged, as HTML, JSON and DOCX."""
