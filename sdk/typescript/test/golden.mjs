// Writes made/golden.ts: every golden body of package caseupdate as a literal, which compiles only if the
// types have each of its fields, and no other.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const golden = new URL("../../../caseupdate/testdata/golden/", import.meta.url);
const bodies = readdirSync(golden, { recursive: true })
  .filter((name) => name.endsWith(".json"))
  .map((name) => `  ${JSON.stringify(name)}: ${readFileSync(new URL(name, golden), "utf8")},\n`);

mkdirSync(new URL("made", import.meta.url), { recursive: true });
writeFileSync(
  new URL("made/golden.ts", import.meta.url),
  `import type { KnownUpdate } from "casehook";\n\nexport const golden: Record<string, KnownUpdate> = {\n${bodies.join("")}};\n`,
);
