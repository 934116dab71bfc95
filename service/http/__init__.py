"""How it is asked for over HTTP: routes, schemas, problem documents, and what is around them."""
