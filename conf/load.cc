#include "conf/load.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "conf/reader/reader.h"
#include "conf/reader/validate.h"
#include "conf/reader/warnings.h"
#include "conf/reader/yaml.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status CannotRead(int error) {
  return InvalidArgument(
      Cat("cannot read the file: ", strerrordesc_np(error), ", allowed: a readable file"));
}

// One byte more than allowed is enough to see that there are too many.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return CannotRead(errno);
  const absl::Cleanup close_fd = [fd] { close(fd); };
  std::string text;
  std::array<char, 65536> chunk;
  while (text.size() <= kMaxFileBytes) {
    const ssize_t count = read(fd, chunk.data(), chunk.size());
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotRead(errno);  // EISDIR for a directory
    text.append(chunk.data(), static_cast<size_t>(count));
  }
  return text;
}

// What YAML text may not contain at all. False if there was something, and it was reported.
bool CheckText(std::string_view text, Errors& errors) {
  if (text.size() > kMaxFileBytes) {
    errors.Add({}, Cat("found more than ", kMaxFileBytes, " bytes, allowed: at most these"));
    return false;
  }
  const size_t offset = std::min(text.find('\0'), FindInvalidUtf8(text).value_or(text.npos));
  if (offset == text.npos) return true;
  errors.Add(PositionOf(text, offset),
             Cat("found the byte ", Quoted(text.substr(offset, 1)), ", allowed: UTF-8 text"));
  return false;
}

LoadResult Fail(Errors& errors) { return {.config = {}, .errors = errors.Take(), .warnings = {}}; }

}  // namespace

LoadResult LoadString(std::string_view text, std::string_view filename, const Env& env) {
  Errors errors(filename);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!CheckText(text, errors)) return Fail(errors);
  // A text that ends in the middle of a line would hide where a quote was opened.
  std::string lines(text);
  if (!lines.ends_with('\n')) lines += '\n';
  Document document;
  if (!document.Parse(lines, errors)) return Fail(errors);
  LoadResult result;
  Positions positions;
  ReadConfig(document.root(), env, result.config, positions, errors);
  Validate(result.config, positions, errors);
  result.errors = errors.Take();
  if (!result.ok()) return result;
  Errors warnings(filename, "warnings");
  Warn(result.config, positions, warnings);
  result.warnings = warnings.Take();
  return result;
}

LoadResult LoadFile(const std::string& path, const Env& env) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (text.ok()) return LoadString(*text, path, env);
  Errors errors(path);
  errors.Add({}, Message(text.status()));
  return Fail(errors);
}

}  // namespace sluice::conf
