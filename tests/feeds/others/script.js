var feed = {"items": []}; if (1 < 2 && feed) { render(feed); }
