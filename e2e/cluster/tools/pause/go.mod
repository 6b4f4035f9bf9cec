module modelservice.io/tools/pause

go 1.26.0

tool modelservice.io/tools/pause
