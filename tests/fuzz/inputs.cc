#include "tests/fuzz/inputs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

namespace sluice::fuzz {
namespace {

class Editor {
 public:
  Editor(const Target& target, const std::vector<NamedInput>& corpus, uint64_t seed)
      : target_(target), corpus_(corpus), random_(seed) {}

  std::string Make() {
    if (target_.words.empty()) return Bytes(1 + Below(target_.max_size));
    std::string text = corpus_.empty() || Below(8) == 0 ? "" : AnyOfCorpus();
    for (size_t edits = 1 + Below(8); edits > 0; --edits) Edit(text);
    text.resize(std::min(text.size(), target_.max_size));
    return text;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& AnyOfCorpus() { return corpus_[Below(corpus_.size())].bytes; }

  std::string Bytes(size_t count) {
    std::string bytes(count, '\0');
    std::ranges::generate(bytes, [this] { return static_cast<char>(random_()); });
    return bytes;
  }

  // A number near a power of two or of ten, where overflows and off-by-ones live.
  std::string Number() {
    uint64_t number = uint64_t{1} << Below(64);
    if (Below(2) == 0) {
      number = 1;
      for (size_t digits = Below(20); digits > 0; --digits) number *= 10;
    }
    return std::to_string(number - 1 + Below(3));
  }

  void Edit(std::string& text) {
    const size_t at = Below(text.size() + 1);
    const size_t length = Below(std::min<size_t>(text.size() - at, 40) + 1);
    switch (Below(8)) {
      case 0:
        text.erase(at, length);
        return;
      case 1:
        text.insert(Below(text.size() + 1), text.substr(at, length));
        return;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        return;
      case 3:
        if (!corpus_.empty()) text.replace(at, text.npos, AnyOfCorpus());
        return;
      case 4:
        text.insert(at, Number());
        return;
      default:
        text.insert(at, target_.words[Below(target_.words.size())]);
    }
  }

  const Target& target_;
  const std::vector<NamedInput>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<NamedInput> ReadCorpus(const Target& target) {
  std::vector<NamedInput> corpus;
  std::vector<std::string> folders = target.folders;
  folders.push_back("tests/fuzz/corpus/" + target.name);
  for (const std::string& folder : folders) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.is_regular_file()) {
        corpus.push_back({entry.path().string(), ReadFile(entry.path().string())});
      }
    }
  }
  std::ranges::sort(corpus, {}, &NamedInput::name);
  return corpus;
}

std::string RandomInput(const Target& target, const std::vector<NamedInput>& corpus,
                        uint64_t seed) {
  return Editor(target, corpus, seed).Make();
}

}  // namespace sluice::fuzz
