#include "conf/load.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "conf/access_files.h"
#include "conf/include.h"
#include "conf/reader/advice.h"
#include "conf/reader/reader.h"
#include "conf/reader/validate.h"
#include "conf/reader/warnings.h"
#include "conf/reader/yaml.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

// One byte more than allowed is enough to see that there are too many.
absl::StatusOr<std::string> ReadFile(const std::string& path, Sources& sources) {
  FileText file = ReadSource(path, sources);
  if (file.error != 0) return InvalidArgument(WhyUnreadable(path, file.error));
  return std::move(file.text);
}

// What YAML text may not contain at all. False if there was something, and it was reported.
bool CheckText(std::string_view text, Errors& errors) {
  if (text.size() > kMaxFileBytes) {
    errors.Add(kWholeFile, Cat("the file is larger than the limit of ", kMaxFileBytes, " bytes"));
    return false;
  }
  const size_t offset = std::min(text.find('\0'), FindInvalidUtf8(text).value_or(text.npos));
  if (offset == text.npos) return true;
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    errors.Add(kWholeFile, "the file is UTF-16: save it as UTF-8");
  } else if (text.find('\0') != text.npos) {
    errors.Add(kWholeFile, Cat("the file is not text: it has a NUL byte at ",
                               FormatPosition(PositionOf(text, text.find('\0')))));
  } else {
    errors.Add(PositionOf(text, offset), Cat("the byte ", Quoted(text.substr(offset, 1)),
                                             " is not UTF-8: save the file as UTF-8"));
  }
  return false;
}

// Adds what is to be said of a text that is not YAML: a known slip rather than what the parser
// says.
void Advise(std::string_view text, const std::vector<Error>& found, Errors& errors) {
  if (AdviseOnForeignFile(text, errors)) return;
  for (const Error& error : found) {
    if (AdviseOnSyntax(text, error.at, errors)) return;
  }
  for (const Error& error : found) errors.Add(error.at, error.message);
}

bool HasListenersOrUpstreams(const Node& root) {
  return std::ranges::any_of(root.entries, [](const Node::Entry& entry) {
    return entry.key->text == "listeners" || entry.key->text == "upstreams";
  });
}

bool HasIncludes(const Node& root) {
  return std::ranges::any_of(root.entries,
                             [](const Node::Entry& entry) { return entry.key->text == "include"; });
}

// One configuration; the trees of its files live as long as the Loader.
class Loader {
 public:
  // `sources`: where files that are read are added.
  Loader(std::string_view filename, const Env& env, Sources& sources)
      : filename_(filename), env_(env), errors_(filename), sources_(sources) {}

  // `may_include`: it is a file, and may name others.
  LoadResult Load(std::string_view text, bool may_include);

 private:
  const Node* Parse(std::string_view text, int file);
  const Node* ParseFile(const std::string& path, int file, Position named_at);

  const std::string filename_;
  const Env& env_;
  Errors errors_;
  Sources& sources_;
  std::deque<Document> documents_;
  size_t bytes_ = 0;
};

LoadResult Fail(Errors& errors) {
  return {.config = {}, .errors = errors.Take(), .warnings = {}, .sources = {}};
}

// Null: the errors say why not.
const Node* Loader::Parse(std::string_view text, int file) {
  const std::string name = errors_.files()[static_cast<size_t>(file)];
  Errors errors(name);
  const absl::Cleanup report = [&] { errors_.AddAll(errors.Take(), file); };
  text = WithoutByteOrderMark(text);
  if (!CheckText(text, errors)) return nullptr;
  // A text that ends in the middle of a line would hide where a quote was opened.
  std::string lines(text);
  if (!lines.ends_with('\n')) lines += '\n';
  Document& document = documents_.emplace_back();
  if (Errors syntax(name); !document.Parse(lines, syntax, file)) {
    Advise(lines, syntax.Take(), errors);
    return nullptr;
  }
  const Node& root = document.root();
  const bool is_ours = file > 0 || HasListenersOrUpstreams(root) || HasIncludes(root);
  return !is_ours && AdviseOnForeignFile(lines, errors) ? nullptr : &root;
}

const Node* Loader::ParseFile(const std::string& path, int file, Position named_at) {
  const absl::StatusOr<std::string> text = ReadFile(path, sources_);
  if (!text.ok()) {
    errors_.Add(named_at, Cat("include: ", "\"", Printable(path), "\": ", Message(text.status())));
    return nullptr;
  }
  bytes_ += text->size();
  if (bytes_ <= kMaxFileBytes) return Parse(*text, file);
  errors_.AddAll({{path, kWholeFile,
                   Cat("with this file all files together are larger than the "
                       "limit of ",
                       kMaxFileBytes, " bytes")}},
                 file);
  return nullptr;
}

LoadResult Loader::Load(std::string_view text, bool may_include) {
  bytes_ = text.size();
  const Node* const own = Parse(text, /*file=*/0);
  if (own == nullptr) return Fail(errors_);
  Includes includes(env_, errors_, sources_,
                    [this](const std::string& path, int file, Position named_at) {
                      return ParseFile(path, file, named_at);
                    });
  const Node root = may_include ? includes.Resolve(*own, filename_) : *own;
  LoadResult result;
  Positions positions;
  ReadConfig(root, env_, result.config, positions, errors_);
  ReadAccessFiles(result.config, positions, errors_, sources_);
  Validate(result.config, positions, errors_);
  result.errors = errors_.Take();
  if (!result.ok()) return result;
  Errors warnings(filename_, "warnings");
  for (size_t i = 1; i < errors_.files().size(); ++i) warnings.AddFile(errors_.files()[i]);
  Warn(result.config, positions, warnings);
  result.warnings = warnings.Take();
  return result;
}

}  // namespace

LoadResult LoadString(std::string_view text, std::string_view filename, const Env& env) {
  Sources none;
  return Loader(filename, env, none).Load(text, /*may_include=*/false);
}

LoadResult LoadFile(const std::string& path, const Env& env) {
  Sources sources;
  LoadResult result;
  if (const absl::StatusOr<std::string> text = ReadFile(path, sources); text.ok()) {
    result = Loader(path, env, sources).Load(*text, /*may_include=*/true);
  } else {
    Errors errors(path);
    errors.Add(kWholeFile, Message(text.status()));
    result = Fail(errors);
  }
  result.sources = std::move(sources);
  return result;
}

}  // namespace sluice::conf
