// Of Virtuoso 8188baf: levels of messages, none of which is asked for here.
#pragma once
