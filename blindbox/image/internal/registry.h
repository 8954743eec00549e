// SPDX-License-Identifier: Apache-2.0
// One repository of a registry (OCI distribution specification 1.1), with the user's rights there.
#pragma once

#include "blindbox/fetch/web.h"
#include "blindbox/image/internal/challenge.h"
#include "blindbox/image/internal/credentials.h"
#include "blindbox/image/transfer.h"

namespace blindbox::image::internal {

using fetch::Url;
using fetch::Web;
using fetch::WebAnswer;
using fetch::WebRequest;

class Registry {
 public:
  // actions is "pull" or "pull,push". ErrorKind::usage where the host has no such form.
  [[nodiscard]] static Result<std::unique_ptr<Registry>> open(const Reference& reference, const Access& access,
                                                              std::string actions);
  Registry(const Reference& reference, Url url, Access access, std::string actions)
      : reference_(reference), actions_(std::move(actions)), web_(std::move(url), access), access_(std::move(access)) {}

  // url of this repository: "manifests/latest".
  [[nodiscard]] Url url(const std::string& below) const;
  // Asks again with credentials where they are wanted. repeat: as often as the limits say, else once.
  [[nodiscard]] Result<WebAnswer> ask(WebRequest request, bool repeat = true);
  [[nodiscard]] Web& web() { return web_; }
  [[nodiscard]] const Access& access() const { return access_; }
  [[nodiscard]] const Reference& reference() const { return reference_; }
  // What an answer that is none of those expected means; what was to be done comes first.
  [[nodiscard]] Error failure(const std::string& what, const WebAnswer& answer) const;

 private:
  Result<void> authenticate(const WebAnswer& refusal);
  Result<std::string> fetch_token(const Challenge& challenge);
  Result<WebRequest> token_request(const Challenge& challenge);

  Reference reference_;
  std::string actions_;
  Web web_;
  Access access_;
  std::optional<Credentials> credentials_;  // looked up when they are wanted first
  std::string authorization_;
};

}  // namespace blindbox::image::internal
