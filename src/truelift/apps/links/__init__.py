"""Ways out of the tool and back: tickets of other tools, pages shared by address, PDFs."""
