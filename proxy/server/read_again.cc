#include "proxy/server/read_again.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/load.h"
#include "conf/sources.h"
#include "proxy/memory/shortage.h"

namespace sluice::proxy {
namespace {

constexpr uint64_t kLoadSpace = uint64_t{64} << 20;  // a thread with a heap, and a large file

}  // namespace

NextConfig ReadAgain(const std::string& path, std::shared_ptr<ConfigWatch> watch,
                     core::Logger* logger) {
  return [path, watch = std::move(watch), logger]() -> absl::StatusOr<conf::Config> {
    const absl::Status memory = CheckAddressSpace(kLoadSpace, "reading the configuration",
                                                  "raise RLIMIT_AS or RLIMIT_DATA");
    if (!memory.ok()) {
      if (watch) watch->Set(conf::LookAgain(watch->Get()));  // the next change is the next try
      return memory;
    }
    conf::LoadResult loaded = conf::LoadFile(path, conf::ProcessEnv());
    if (watch) watch->Set(std::move(loaded.sources));
    if (!loaded.ok()) {
      return absl::InvalidArgumentError(conf::FormatErrors(loaded.errors));
    }
    for (const conf::Error& warning : loaded.warnings) {
      if (logger != nullptr) logger->Log(core::LogLevel::kWarn, "%s", conf::FormatWarning(warning));
    }
    return std::move(loaded.config);
  };
}

}  // namespace sluice::proxy
