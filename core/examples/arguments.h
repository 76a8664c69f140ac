// Arguments: what a program here was called with: words, and options as --name=value. What is wrong
// ends the process with the usage line (exit code 2), before anything has begun.
//
//     Arguments arguments(argc, argv, "chat_server [ADDRESS] [--idle=SECONDS]");
//     const core::Address address = arguments.AddressAt(0, "127.0.0.1:8080");
//     const auto idle = std::chrono::seconds(arguments.Number("idle", 300));
//     return core::RunMain(Main(address, idle), arguments.Runtime(/*most_words=*/1));
#ifndef SLUICE_CORE_EXAMPLES_ARGUMENTS_H_
#define SLUICE_CORE_EXAMPLES_ARGUMENTS_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/address.h"
#include "core/runtime/backend.h"
#include "core/runtime/options.h"
#include "core/text/decimal.h"

class Arguments {
 public:
  Arguments(int argc, char** argv, std::string_view usage) : usage_(usage) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      const size_t equals = word.find('=');
      if (!word.starts_with("--")) {
        words_.emplace_back(word);
      } else if (equals == std::string_view::npos) {
        Fail(std::string(word) + " has no value");
      } else {
        options_[std::string(word.substr(2, equals - 2))] = word.substr(equals + 1);
      }
    }
  }

  const std::vector<std::string>& words() const { return words_; }

  // At least so many words; the words from there on.
  std::vector<std::string> WordsFrom(size_t index, size_t least) const {
    if (words_.size() < index + least) Fail("too few arguments");
    return {words_.begin() + static_cast<std::ptrdiff_t>(index), words_.end()};
  }

  sluice::core::Address AddressAt(size_t index, std::string_view otherwise = {}) const {
    if (index >= words_.size() && otherwise.empty()) Fail("an address is missing");
    const auto address =
        sluice::core::Address::Parse(index < words_.size() ? words_[index] : otherwise);
    if (!address.ok()) Fail(std::string(address.status().message()));
    return *address;
  }

  // The value of --name, at least `least`.
  uint32_t Number(const std::string& name, uint32_t otherwise, uint32_t least = 1) {
    const std::optional<std::string> text = Take(name);
    if (!text.has_value()) return otherwise;
    const std::optional<uint64_t> number = sluice::core::ParseDecimal(*text);
    if (!number.has_value() || *number < least || *number > kMost) {
      Fail("--" + name + " is a number from " + std::to_string(least) + " to " +
           std::to_string(kMost));
    }
    return static_cast<uint32_t>(*number);
  }

  // To be asked last: an option that nothing has asked for is a mistake.
  sluice::core::RuntimeOptions Runtime(size_t most_words) {
    sluice::core::RuntimeOptions options;
    options.workers = Number("workers", 0, 0);
    const std::string backend = Take("backend").value_or("auto");
    if (backend == "epoll") {
      options.backend = sluice::core::Backend::kEpoll;
    } else if (backend == "io_uring") {
      options.backend = sluice::core::Backend::kIoUring;
    } else if (backend != "auto") {
      Fail("--backend is auto, epoll or io_uring");
    }
    if (!options_.empty()) Fail("there is no --" + options_.begin()->first);
    if (words_.size() > most_words) Fail("too many arguments");
    return options;
  }

  [[noreturn]] void Fail(const std::string& why) const {
    std::fprintf(stderr, "%s\nusage: %.*s [--backend=epoll|io_uring] [--workers=N]\n", why.c_str(),
                 static_cast<int>(usage_.size()), usage_.data());
    std::exit(2);
  }

  static constexpr size_t kAnyWords = std::numeric_limits<size_t>::max();

 private:
  static constexpr uint32_t kMost = 1'000'000'000;

  std::optional<std::string> Take(const std::string& name) {
    const auto node = options_.extract(name);
    if (node.empty()) return std::nullopt;
    return node.mapped();
  }

  const std::string_view usage_;
  std::vector<std::string> words_;
  std::map<std::string, std::string> options_;
};

#endif  // SLUICE_CORE_EXAMPLES_ARGUMENTS_H_
