// What finding a client's route costs: the hello as one piece, and one of 10,000 names.
//
//     bazel run //tests/proxy/route:route_bench
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "proxy/route/preread.h"
#include "tests/proxy/route/hello_maker.h"

namespace sluice::proxy {
namespace {

// `range(0)`: how many routes, each with a name of its own; `range(1)`: bytes of a key share.
void Decide(benchmark::State& state) {
  std::vector<conf::Route> routes;
  for (int64_t i = 0; i < state.range(0); ++i) {
    const std::string name = "site-" + std::to_string(i) + ".example.org";
    routes.push_back({.sni = {name}, .alpn = {}, .upstream = "u"});
  }
  const RouteTable table(routes);
  const conf::Preread policy;
  const std::string hello =
      MakeHello(routes.back().sni[0], {"h2", "http/1.1"},
                {{51, std::string(static_cast<size_t>(state.range(1)), 'k')}});
  for (auto _ : state) {
    Preread preread(table, policy, /*wants_name=*/false);
    benchmark::DoNotOptimize(preread.Feed(BytesOf(hello)));
  }
}
BENCHMARK(Decide)->ArgsProduct({{1, 10000}, {100, 1220, 16000}});

}  // namespace
}  // namespace sluice::proxy

BENCHMARK_MAIN();
