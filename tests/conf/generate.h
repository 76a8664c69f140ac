// Configurations at random, whatever keys the schema has.
#ifndef SLUICE_TESTS_CONF_GENERATE_H_
#define SLUICE_TESTS_CONF_GENERATE_H_

#include <cstdint>
#include <random>

#include "conf/config.h"

namespace sluice::conf::testing {

uint64_t FromEnvironment(const char* name, uint64_t otherwise);

// Any scalar of the schema takes some of these.
inline constexpr const char* kTexts[] = {"",
                                         "unix:@admin",
                                         "true",
                                         "false",
                                         "auto",
                                         "io_uring",
                                         "epoll",
                                         "close",
                                         "optional",
                                         "proxy_source",
                                         "wait",
                                         "relay",
                                         "0",
                                         "1",
                                         "2",
                                         "7",
                                         "64",
                                         "10%",
                                         "20%",
                                         "150%",
                                         "5s",
                                         "90s",
                                         "250us",
                                         "1h",
                                         "0s",
                                         "64KiB",
                                         "1MiB",
                                         "2GiB",
                                         "0B",
                                         "10/s",
                                         "0/s",
                                         "1MiB/s",
                                         "0B/s",
                                         "unix:/a",
                                         "unix:/a b",
                                         "10.0.0.1",
                                         "10.0.0.1:80",
                                         "[::1]:8080",
                                         "info",
                                         "warn",
                                         "json",
                                         "text",
                                         "off",
                                         "on",
                                         "/var/log/a.log",
                                         "stdout",
                                         "0660",
                                         "web",
                                         "app",
                                         "db-1",
                                         "127.0.0.1:1",
                                         "127.0.0.1:0",
                                         "round_robin",
                                         "least_connections",
                                         "random_two",
                                         "source_hash",
                                         "maglev",
                                         "first",
                                         "source",
                                         "sni",
                                         "tls",
                                         "default",
                                         "reject",
                                         "connect",
                                         "http",
                                         "GET",
                                         "HEAD",
                                         "2xx",
                                         "404",
                                         "keep",
                                         "v2",
                                         "crc32c",
                                         "10.0.0.0/8",
                                         "/etc/networks",
                                         "reset",
                                         "[fe80::1]:1",
                                         "any",
                                         "ipv6",
                                         "app.internal:80",
                                         "app.internal"};

// It need not pass validation: several listeners may have one name.
Config Generate(std::mt19937_64& random);

}  // namespace sluice::conf::testing

#endif  // SLUICE_TESTS_CONF_GENERATE_H_
