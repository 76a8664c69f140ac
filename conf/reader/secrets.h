// Where a secret may stand: no message shows what was written there.
#ifndef SLUICE_CONF_READER_SECRETS_H_
#define SLUICE_CONF_READER_SECRETS_H_

#include <string_view>

#include "conf/schema/shape.h"

namespace sluice::conf {

// Whether a text in place of `shape` may be a secret, or have one in it: it is a secret, has one
// among its own keys, or is a list of such things. A list without `clear` is not looked into.
bool MayBeSecret(const Shape& shape);

// Whether a key that is named in `text` may have a secret: what follows it is then not shown.
bool NamesSecret(std::string_view text);

}  // namespace sluice::conf

#endif  // SLUICE_CONF_READER_SECRETS_H_
