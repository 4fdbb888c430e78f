/* For the analysis, which asks no engine: the files that one has left, in the words of inspect. */
#ifndef KAN_IMAGE_ENGINECONFIG_H
#define KAN_IMAGE_ENGINECONFIG_H

#include "engine/config.h"

#endif
