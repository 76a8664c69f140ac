// What the tests of conf/ share: environments, loading texts, and errors as text.

#ifndef SLUICE_TESTS_CONF_TESTING_H_
#define SLUICE_TESTS_CONF_TESTING_H_

#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "conf/load.h"
#include "conf/text/env.h"

namespace sluice::conf::testing {

inline Env EnvOf(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

inline Env NoEnv() { return EnvOf({}); }

inline LoadResult Load(const std::string& text) { return LoadString(text, "test.yaml", NoEnv()); }

// One line for each error.
inline std::string ErrorsOf(const LoadResult& result) {
  std::string text;
  for (const Error& error : result.errors) text += FormatError(error) + "\n";
  return text;
}

// One line for each warning.
inline std::string WarningsOf(const LoadResult& result) {
  std::string text;
  for (const Error& warning : result.warnings) text += FormatWarning(warning) + "\n";
  return text;
}

// Paths are relative to the root of the repository, where tests run.
inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A listener and an upstream: what a configuration must have.
inline constexpr char kMinimal[] = R"(
listeners:
  - { name: web, bind: "127.0.0.1:8080", upstream: app }
upstreams:
  - { name: app, endpoints: ["127.0.0.1:3000"] }
)";

}  // namespace sluice::conf::testing

#endif  // SLUICE_TESTS_CONF_TESTING_H_
