// What a decision of an access list costs, in nanoseconds, for 10 to 100,000 networks; the counter
// `bytes` is what the list takes.
//
//   bazel run //tests/proxy/identity:access_bench
//
// Networks and clients are random; a client of two is in one of the networks.

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "proxy/identity/access_list.h"

namespace sluice::proxy {
namespace {

using core::Address;
using core::Network;

constexpr size_t kClients = 4096;

Address AnyAddress(std::mt19937_64& random, bool is_ipv4) {
  if (is_ipv4) return Address::Ipv4({static_cast<uint32_t>(random())}, 0);
  in6_addr host{};
  for (uint8_t& byte : host.s6_addr) byte = static_cast<uint8_t>(random());
  host.s6_addr[0] = 0x20;  // of the addresses that are in use
  host.s6_addr[1] = 0x01;
  return Address::Ipv6(host, 0);
}

void Decide(benchmark::State& state, bool is_ipv4) {
  std::mt19937_64 random(1);
  conf::Access access;
  std::vector<Address> clients;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const Address address = AnyAddress(random, is_ipv4);
    const int length =
        is_ipv4 ? 12 + static_cast<int>(random() % 21) : 28 + static_cast<int>(random() % 37);
    access.deny.push_back(Network::Around(address, length));
    if (clients.size() >= kClients) continue;
    clients.push_back(address);
    clients.push_back(AnyAddress(random, is_ipv4));
  }
  const AccessList list(access);
  size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(list.Decide(clients[next]));
    next = next + 1 == clients.size() ? 0 : next + 1;
  }
  state.counters["bytes"] = static_cast<double>(list.bytes());
}

BENCHMARK_CAPTURE(Decide, ipv4, true)->Arg(10)->Arg(1'000)->Arg(100'000);
BENCHMARK_CAPTURE(Decide, ipv6, false)->Arg(10)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace sluice::proxy

BENCHMARK_MAIN();
