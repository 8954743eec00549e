// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/environment.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace blindbox::sandbox {
namespace {

class Variables {
 public:
  void set(const std::string& name, const std::string& value) {
    const auto at = find(name);
    if (at == all_.end()) {
      all_.push_back(name + "=" + value);
    } else {
      *at = name + "=" + value;
    }
  }
  void set_if_missing(const std::string& name, const std::string& value) {
    if (find(name) == all_.end()) set(name, value);
  }
  void set_pair(const std::string& pair) {
    const auto sign = pair.find('=');
    if (sign != std::string::npos && sign != 0) set(pair.substr(0, sign), pair.substr(sign + 1));
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(all_); }

 private:
  std::vector<std::string>::iterator find(const std::string& name) {
    return std::find_if(all_.begin(), all_.end(),
                        [start = name + "="](const std::string& one) { return one.starts_with(start); });
  }
  std::vector<std::string> all_;
};

}  // namespace

std::vector<std::string> closed_environment(const std::vector<std::string>& image,
                                            const std::vector<std::string>& passed,
                                            const std::vector<std::string>& container, const std::string& home,
                                            std::uint16_t proxy_port) {
  Variables variables;
  for (const std::string& pair : image) variables.set_pair(pair);
  for (const std::string& name : passed) {
    for (const std::string& pair : container) {
      if (pair.starts_with(name + "=")) variables.set_pair(pair);
    }
  }
  variables.set_if_missing("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  variables.set_if_missing("HOME", home);
  if (proxy_port != 0) {
    const std::string url = "http://127.0.0.1:" + std::to_string(proxy_port);
    for (const char* const name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}) variables.set(name, url);
    for (const char* const name : {"NO_PROXY", "no_proxy"}) variables.set(name, "localhost,127.0.0.1,::1");
  }
  return variables.take();
}

}  // namespace blindbox::sandbox
