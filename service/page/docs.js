// The reference of the API, drawn from /openapi.json: works without any other network.

import { ask } from "/page/ask.js";

const BASE = location.origin;

function make(tag, text = "", parts = [], className = "") {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (className) node.className = className;
  node.append(...parts.filter(Boolean));
  return node;
}

/** Text in which `words` between backticks are code. */
function spoken(tag, text, className = "") {
  const parts = text.split("`").map((part, i) => (i % 2 ? make("code", part) : document.createTextNode(part)));
  return make(tag, "", parts, className);
}

class Reference {
  constructor(document) {
    this.document = document;
  }

  resolve(schema = {}) {
    const name = schema.$ref?.split("/").at(-1);
    return name ? this.document.components.schemas[name] : schema;
  }

  example(schema) {
    return this.resolve(schema).examples?.[0];
  }

  typeOf(schema) {
    const found = this.resolve(schema);
    const options = found.anyOf ?? found.oneOf;
    if (options) return options.map((option) => this.typeOf(option)).join(" or ");
    if (found.type === "array") return `list of ${this.typeOf(found.items)}`;
    return found.title && found.properties ? found.title : (found.type ?? "anything");
  }

  limits(schema) {
    const found = this.resolve(schema);
    const ends = [["minimum", "at least", ""], ["maximum", "at most", ""]];
    for (const [kind, unit] of [["Length", " characters"], ["Items", " items"]]) {
      ends.push([`min${kind}`, "at least", unit], [`max${kind}`, "at most", unit]);
    }
    const said = ends.filter(([key]) => found[key] !== undefined).map(([key, word, unit]) => `${word} ${found[key]}${unit}`);
    if (found.default !== undefined && found.default !== null) said.push(`default ${JSON.stringify(found.default)}`);
    return said.join(", ");
  }

  rows(fields) {
    if (!fields.length) return null;
    const head = make("tr", "", ["name", "type", "means"].map((word) => make("th", word)));
    const body = fields.map(({ name, schema, required, text }) => make("tr", "", [
      make("td", "", [make("code", name), make("span", required ? "" : " (optional)")]),
      make("td", this.typeOf(schema)),
      spoken("td", [text ?? this.resolve(schema).description, this.limits(schema)].filter(Boolean).join(" ")),
    ]));
    return make("div", "", [make("table", "", [head, ...body])], "wide");
  }

  fieldsOf(schema) {
    const found = this.resolve(schema);
    return Object.entries(found.properties ?? {}).map(([name, field]) => ({
      name, schema: field, required: found.required?.includes(name), text: field.description,
    }));
  }

  curl(method, path, operation) {
    const query = (operation.parameters ?? []).filter((parameter) => parameter.in === "query" && parameter.required);
    const id = operation.parameters?.find((parameter) => parameter.in === "path")?.schema.examples?.[0] ?? "ID";
    const asked = query.map((parameter, i) => `${parameter.name}=${i}`).join("&");
    const url = `${BASE}${path.replace(/\{\w+\}/, id)}${asked ? `?${asked}` : ""}`;
    const bodies = operation.requestBody?.content ?? {};
    const lines = Object.entries(bodies).map(([type, content]) => {
      if (type.startsWith("multipart")) return `curl "${url}" -F file=@clip.mp4 -F labels=swimming -F labels=running`;
      const example = Object.values(content.examples ?? {})[0]?.value ?? this.example(content.schema);
      return `curl "${url}" -H "Content-Type: ${type}" \\\n  -d '${JSON.stringify(example)}'`;
    });
    return lines.length ? lines.join("\n\n") : `curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"${url}"`;
  }

  operation(method, path, operation) {
    const parameters = (operation.parameters ?? []).map((parameter) => ({
      name: parameter.name, schema: parameter.schema, required: parameter.required, text: parameter.description,
    }));
    const bodies = Object.entries(operation.requestBody?.content ?? {}).flatMap(([type, content]) => [
      make("h3", `Body: ${type}`), this.rows(this.fieldsOf(content.schema)),
    ]);
    const answers = Object.entries(operation.responses).map(([code, response]) => {
      const types = Object.keys(response.content ?? {}).join(", ");
      return make("tr", "", [make("td", code), make("td", response.description), make("td", types)]);
    });
    const example = this.example(operation.responses["200"]?.content?.["application/json"]?.schema);
    return make("details", "", [
      make("summary", "", [make("b", method.toUpperCase()), make("code", path), make("span", operation.summary)]),
      make("div", "", [
        operation.description && spoken("p", operation.description),
        make("pre", this.curl(method, path, operation)),
        parameters.length ? make("h3", "Parameters") : null,
        this.rows(parameters),
        ...bodies,
        make("h3", "Answers"),
        make("div", "", [make("table", "", answers)], "wide"),
        example && make("pre", JSON.stringify(example, null, 2)),
      ], "body"),
    ]);
  }

  draw() {
    const operations = Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
    return [
      make("h1", "What the service answers"),
      spoken("p", this.document.info.description, "lead"),
      ...this.document.tags.flatMap((tag) => [
        make("h2", tag.name, [make("small", tag.description)], "tag"),
        ...operations.filter(({ operation }) => operation.tags?.includes(tag.name))
          .map(({ path, method, operation }) => this.operation(method, path, operation)),
      ]),
    ];
  }
}

const main = document.getElementById("reference");
try {
  const openapi = await ask("/openapi.json");
  document.getElementById("version").textContent = `version ${openapi.info.version}`;
  main.replaceChildren(...new Reference(openapi).draw());
} catch (problem) {
  document.getElementById("waiting").textContent = problem.message;
}
