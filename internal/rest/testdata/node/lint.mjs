// Reads {openapi, asyncapi, schemas} as JSON from standard input, lints all of it in one process, and
// prints what each tool has found, then whether each schema takes each body that came with it.
import { text } from "node:stream/consumers";
import { Parser } from "@asyncapi/parser";
import specs from "@asyncapi/specs";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import spectral from "@stoplight/spectral-core";
import rulesets from "@stoplight/spectral-rulesets";
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const { openapi, asyncapi, schemas } = JSON.parse(await text(process.stdin));

// All rules of the public sets, but for those that have a reason here.
const rules = {
  openapi: {
    extends: [[rulesets.oas, "all"]],
    rules: {
      "contact-properties": "off", // nobody has a mailbox; there is a URL
      "license-url": "off", // OpenAPI 3.1 takes an SPDX identifier in its place
      "openapi-tags-alphabetical": "off", // cases come first, as who reads it wants them
    },
  },
  asyncapi: {
    extends: [[rulesets.asyncapi, "all"]],
    rules: {
      "asyncapi-info-contact-properties": "off", // as contact-properties
      "asyncapi-latest-version": "off", // 3.1 has nothing for HTTP, and more tools read 3.0
    },
  },
};

const atPath = (path, message) => `${path.join("/")}: ${message}`;

async function spectralOf(document, ruleset) {
  const linter = new spectral.Spectral();
  linter.setRuleset(ruleset);
  return (await linter.run(document)).map((f) => atPath(f.path, `${f.code}: ${f.message}`));
}

async function redoclyOf(document) {
  const config = await createConfig({ extends: ["recommended-strict"] });
  const problems = await lintFromString({ source: document, absoluteRef: "openapi.json", config });
  return problems.map((p) => `${p.location[0]?.pointer}: ${p.ruleId}: ${p.message}`);
}

async function parserOf(document) {
  const { document: parsed, diagnostics } = await new Parser().parse(document);
  const off = rules.asyncapi.rules;
  const found = diagnostics.filter((d) => off[d.code] !== "off").map((d) => atPath(d.path, `${d.code}: ${d.message}`));
  return parsed ? found : [...found, "it cannot be parsed"];
}

function specOf(document) {
  const ajv = new Ajv({ allErrors: true, strict: false });
  addFormats(ajv);
  const parsed = JSON.parse(document);
  const valid = ajv.validate(specs.schemasWithoutId[parsed.asyncapi], parsed);
  return valid ? [] : ajv.errors.map((e) => `${e.instancePath}: ${e.message}`);
}

function taken({ schema, bodies }) {
  const ajv = new Ajv2020({ strict: true });
  addFormats(ajv);
  const validate = ajv.compile(JSON.parse(schema));
  return bodies.map((body) => validate(JSON.parse(body)));
}

const found = {
  "spectral on the OpenAPI document": await spectralOf(openapi, rules.openapi),
  "redocly on the OpenAPI document": await redoclyOf(openapi),
  "spectral on the AsyncAPI document": await spectralOf(asyncapi, rules.asyncapi),
  "AsyncAPI's parser": await parserOf(asyncapi),
  "AsyncAPI's own schema": specOf(asyncapi),
};
process.stdout.write(JSON.stringify({ found, taken: schemas.map(taken) }));
