// SPDX-License-Identifier: Apache-2.0
#include "blindbox/api/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace blindbox::api {
namespace {

const char* name_of(Metrics::Result result) {
  switch (result) {
    case Metrics::Result::answered: return "answered";
    case Metrics::Result::refused: return "refused";
    case Metrics::Result::failed: return "failed";
    default: return "cancelled";
  }
}

std::uint64_t down(std::uint64_t value, std::uint64_t step) { return value / step * step; }

// In quarters, rounded up: full, or how far from it.
double quarters(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return std::ceil(4.0 * static_cast<double>(std::min(part, whole)) / static_cast<double>(whole)) / 4;
}

void head(std::string& out, const char* name, const char* type, const char* help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

void Metrics::Histogram::add(double seconds) {
  const auto bound = std::find_if(kBounds.begin(), kBounds.end(), [&](double most) { return seconds <= most; });
  ++counts[static_cast<std::size_t>(bound - kBounds.begin())];
  sum += seconds;
  if (++all % kRequestStep == 0) counted_sum = sum;
}

void Metrics::Histogram::write(std::string& out, const char* name, const char* help) const {
  head(out, name, "histogram", help);
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    so_far += counts[i];
    const std::string bound = i < kBounds.size() ? fmt::format("{}", kBounds[i]) : "+Inf";
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, bound, down(so_far, kRequestStep));
  }
  out += fmt::format("{}_sum {}\n{}_count {}\n", name, std::floor(counted_sum), name, down(all, kRequestStep));
}

void Metrics::count(const char* protocol, Result result) {
  const std::scoped_lock lock(mutex_);
  ++requests_[{protocol, result}];
}

void Metrics::observe(double first_token_ms, double whole_ms) {
  const std::scoped_lock lock(mutex_);
  first_token_.add(first_token_ms / 1000);
  whole_.add(whole_ms / 1000);
}

std::string Metrics::text(const completion::EngineStatus& engine, completion::SteadyTime now) {
  const std::scoped_lock lock(mutex_);
  if (shown_.empty() || now >= until_) {
    shown_ = fresh(engine);
    until_ = now + kInterval;
  }
  return shown_;
}

std::string Metrics::fresh(const completion::EngineStatus& engine) const {
  std::string out;
  head(out, "blindbox_requests_total", "counter", "Requests by protocol and how they ended, rounded down to tens.");
  for (const auto& [key, count] : requests_) {
    out += fmt::format("blindbox_requests_total{{protocol=\"{}\",result=\"{}\"}} {}\n", key.first, name_of(key.second),
                       down(count, kRequestStep));
  }
  head(out, "blindbox_tokens_total", "counter", "Tokens by kind, rounded down to thousands.");
  const auto tokens = [&out](const char* kind, std::uint64_t count) {
    out += fmt::format("blindbox_tokens_total{{kind=\"{}\"}} {}\n", kind, down(count, kTokenStep));
  };
  tokens("prompt", engine.prompt_tokens);
  tokens("cached", engine.cached_tokens);
  tokens("generated", engine.generated_tokens);
  head(out, "blindbox_slots_used_ratio", "gauge", "Slots in use, in quarters.");
  out += fmt::format("blindbox_slots_used_ratio {}\n", quarters(engine.busy, engine.slots));
  head(out, "blindbox_queue_used_ratio", "gauge", "The queue, in quarters.");
  out += fmt::format("blindbox_queue_used_ratio {}\n", quarters(engine.queued, engine.queue_limit));
  head(out, "blindbox_cache_used_ratio", "gauge", "The prompt cache, in quarters of its limit.");
  out += fmt::format("blindbox_cache_used_ratio {}\n", quarters(engine.cache_bytes, engine.cache_limit_bytes));
  first_token_.write(out, "blindbox_first_token_seconds", "From a request's start to its first token.");
  whole_.write(out, "blindbox_request_seconds", "From a request's start to its end.");
  return out;
}

}  // namespace blindbox::api
