// What the documentation is made of, in reading order: files of the repository, and the parts that are made of openapi.yaml and of docs/errors.
// The build fails if a file is missing, and if one of docs/ is in no section. What is under a page is shown while one is there.
export default [
  { title: "Start", pages: [{ file: "docs/index.md", label: "Welcome" }, { file: "docs/quick-start.md", label: "Quick start" }, { file: "docs/concepts.md", label: "Concepts" }] },
  {
    title: "Guides",
    pages: [
      { file: "docs/go.md", label: "Go" },
      { file: "docs/node.md", label: "Node" },
      { file: "docs/gateways.md", label: "Gateways", parts: ["nginx", "Caddy", "Traefik", "Envoy"] },
      { file: "docs/rotation.md", label: "Rotation" },
      { file: "docs/incidents.md", label: "Incidents" },
      { file: "docs/least-privilege.md", label: "Least privilege" },
    ],
  },
  {
    title: "Product",
    pages: [
      { file: "docs/console.md", label: "Console" },
      { file: "docs/cli.md", label: "Command line" },
      { file: "docs/permissions.md", label: "Permissions" },
      { file: "docs/usage.md", label: "Usage" },
      { file: "docs/contract-tests.md", label: "Contract tests" },
    ],
  },
  {
    title: "Operate",
    pages: [
      { file: "docs/configuration.md", label: "Configuration" },
      { file: "docs/operations.md", label: "Operations" },
      { file: "docs/revocation.md", label: "Revocation" },
      { file: "docs/benchmarks.md", label: "Benchmarks" },
    ],
  },
  { title: "Security", pages: [{ file: "docs/security-model.md", label: "Security model" }, { file: "SECURITY.md", label: "Security policy" }] },
  {
    title: "Reference",
    pages: [
      { made: "api", label: "API" },
      { made: "errors", label: "Errors" },
      { file: "sdk/typescript/README.md", address: "typescript/", label: "TypeScript client" },
      { file: "docs/design.md", label: "Design" },
      { file: "docs/versioning.md", label: "Versions" },
      { file: "CHANGELOG.md", label: "Changes" },
    ],
  },
  { title: "About", pages: [{ file: "docs/comparison.md", label: "Comparison" }, { file: "docs/faq.md", label: "Questions" }, { file: "CONTRIBUTING.md", label: "Contributing" }] },
];
