// Errors in a configuration and warnings about it, each with its place.
//
// Lines and columns count from 1; columns count bytes. Errors takes them in any order and returns
// them by file and position, at most kMaxErrors of them.

#ifndef SLUICE_CONF_READER_DIAGNOSTICS_H_
#define SLUICE_CONF_READER_DIAGNOSTICS_H_

#include <compare>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::conf {

struct Position {
  int line = 1;
  int column = 1;
  int file = 0;  // which of those that an Errors knows; 0: the first

  auto operator<=>(const Position&) const = default;
};

// Of an error that has no place in the file: there is none, or it is not text.
inline constexpr Position kWholeFile = {.line = 0, .column = 0};

// Or a warning about what is allowed and surely not meant.
struct Error {
  std::string file;
  Position at;
  std::string message;

  bool operator==(const Error&) const = default;
};

// `file:line:column: error: message`; `file: message` for kWholeFile.
std::string FormatError(const Error& error);

// A line for each, the last one without its '\n'.
std::string FormatErrors(const std::vector<Error>& errors);

// `file:line:column: warning: message`.
std::string FormatWarning(const Error& warning);

// `line:column`.
std::string FormatPosition(Position at);

// The position of the byte at `offset` of `text`.
Position PositionOf(std::string_view text, size_t offset);

class Errors {
 public:
  static constexpr size_t kMaxErrors = 1000;
  static constexpr size_t kMaxComparisons = 100'000;

  // `noun` is what they are called when there are too many: "errors", "warnings".
  explicit Errors(std::string_view file, std::string_view noun = "errors")
      : files_{std::string(file)}, noun_(noun) {}
  Errors(const Errors&) = delete;
  Errors& operator=(const Errors&) = delete;

  void Add(Position at, std::string_view message);

  // Another file that is a part of the configuration. Returns what Position::file is to be.
  int AddFile(std::string_view file);

  // Of a file that has been read by itself.
  void AddAll(const std::vector<Error>& errors, int file);

  // `line:column`, with the file in front if it is another one than that of `from`.
  std::string Place(Position at, Position from) const;

  // DidYouMean() of conf/text/text.h, or "" once kMaxComparisons names have been compared: the time
  // is bounded however many names are wrong, and however many there are to be meant.
  std::string DidYouMean(std::string_view name, const std::vector<std::string>& candidates);

  bool empty() const { return errors_.empty(); }

  // So many are there that advice on further ones would hardly be read: its time is saved.
  bool many() const { return errors_.size() >= kMaxErrors; }

  // The first and those that were added.
  const std::vector<std::string>& files() const { return files_; }

  // The errors in order. Leaves *this empty.
  std::vector<Error> Take();

 private:
  std::vector<std::string> files_;
  const std::string noun_;
  std::vector<Error> errors_;
  size_t comparisons_ = 0;
};

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_DIAGNOSTICS_H_
