// The keys of the configuration as rows of a table, for the manual.
#ifndef SLUICE_CONF_KEY_ROWS_H_
#define SLUICE_CONF_KEY_ROWS_H_

#include <string>
#include <vector>

namespace sluice::conf {

struct KeyRow {
  std::string path;  // as KnownKeys() has it
  std::string text;  // what it is for (descriptions.h)
  std::string allowed;
  std::string default_text = {};  // "": there is none, or it is one key of a section
  bool is_required = false;
  bool is_section = false;  // it has keys below it
  bool inherits = false;    // the text is that of the key of `defaults`
};

// In the order of the schema; "include" is the first.
std::vector<KeyRow> KeyRows();

}  // namespace sluice::conf

#endif  // SLUICE_CONF_KEY_ROWS_H_
