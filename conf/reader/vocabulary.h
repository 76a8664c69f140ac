// Keys of other proxies (HAProxy, nginx, Envoy, Traefik, Caddy), and what they are called here.

#ifndef SLUICE_CONF_READER_VOCABULARY_H_
#define SLUICE_CONF_READER_VOCABULARY_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::conf {

struct Foreign {
  std::string_view words;   // in snake_case, each between blanks
  std::string_view key;     // ours: ends of paths of KnownKeys(), likely ones first, with "|"
                            // between them; or ""
  std::string_view answer;  // a sentence without its end; with a key: what is to be said besides
};

std::span<const Foreign> Vocabulary();

// In the order of the table, the first that has `key`, whatever its case and however its words are
// joined (maxConn, max-conn); nullptr if there is none.
const Foreign* FindForeign(std::string_view key);

// All that have it: one word may stand for several things.
std::vector<const Foreign*> FindAllForeign(std::string_view key);

// "maxConnections", "max-connections" and "Max Connections" as "max_connections".
std::string SnakeCase(std::string_view key);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_VOCABULARY_H_
