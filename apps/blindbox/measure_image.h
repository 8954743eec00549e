// SPDX-License-Identifier: Apache-2.0
// The values that Azure's hardware will report of a wrapped image in a confidential container.
#pragma once

#include "blindbox/deploy/container.h"
#include "blindbox/measure/layer.h"
#include "blindbox/wrap/inspect.h"
#include "images.h"

namespace blindbox::apps {

struct MeasuredImage {
  image::Image image;
  wrap::Inspection inspection;
  std::vector<measure::LayerMeasurement> layers;  // bottom first
  std::string policy;                             // Rego, for Azure container instances
  base::Sha256 host_data{};                       // of policy
};

// tag: as "build --tag" takes it. The image must be wrapped.
[[nodiscard]] Result<MeasuredImage> measure_image(const std::string& tag, const ImageOptions& options,
                                                  const measure::LayerOptions& layer);

// Rego, for either kind of container group.
[[nodiscard]] std::string container_policy(const MeasuredImage& measured, deploy::Group group);

}  // namespace blindbox::apps
