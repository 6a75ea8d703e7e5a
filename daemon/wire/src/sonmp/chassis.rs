//! What sends: the registry of chassis types.

use crate::registry::registry;

registry! {
    /// A type of chassis.
    pub enum ChassisType: u8 {
        /// 1.
        Other = 1, "other";
        /// 2.
        Model3000 = 2, "3000";
        /// 3.
        Model3030 = 3, "3030";
        /// 4.
        Model2310 = 4, "2310";
        /// 5.
        Model2810 = 5, "2810";
        /// 6.
        Model2912 = 6, "2912";
        /// 7.
        Model2914 = 7, "2914";
        /// 8.
        Model271x = 8, "271x";
        /// 9.
        Model2813 = 9, "2813";
        /// 10.
        Model2814 = 10, "2814";
        /// 11.
        Model2915 = 11, "2915";
        /// 12.
        Model5000 = 12, "5000";
        /// 13.
        Model2813SA = 13, "2813SA";
        /// 14.
        Model2814SA = 14, "2814SA";
        /// 15.
        Model810M = 15, "810M";
        /// 16.
        Ethercell = 16, "Ethercell";
        /// 17.
        Model5005 = 17, "5005";
        /// 18.
        AlcatelEthernetWorkgroupConc = 18, "Alcatel Ethernet workgroup conc.";
        /// 20.
        Model2715SA = 20, "2715SA";
        /// 21.
        Model2486 = 21, "2486";
        /// 22.
        Model28000Series = 22, "28000 series";
        /// 23.
        Model23000Series = 23, "23000 series";
        /// 24.
        Model5DN00xSeries = 24, "5DN00x series";
        /// 25.
        BaystackEthernet = 25, "BayStack Ethernet";
        /// 26.
        Model23100Series = 26, "23100 series";
        /// 27.
        Model100BaseTHub = 27, "100Base-T Hub";
        /// 28.
        Model3000FastEthernet = 28, "3000 Fast Ethernet";
        /// 29.
        OrionSwitch = 29, "Orion switch";
        /// 31.
        Dds = 31, "DDS";
        /// 32.
        Centillion6Slot = 32, "Centillion (6 slot)";
        /// 33.
        Centillion12Slot = 33, "Centillion (12 slot)";
        /// 34.
        Centillion1Slot = 34, "Centillion (1 slot)";
        /// 35.
        Baystack301 = 35, "BayStack 301";
        /// 36.
        BaystackTokenringHub = 36, "BayStack TokenRing Hub";
        /// 37.
        FvcMultimediaSwitch = 37, "FVC Multimedia Switch";
        /// 38.
        SwitchNode = 38, "Switch Node";
        /// 39.
        Baystack302Switch = 39, "BayStack 302 Switch";
        /// 40.
        Baystack350Switch = 40, "BayStack 350 Switch";
        /// 41.
        Baystack150EthernetHub = 41, "BayStack 150 Ethernet Hub";
        /// 42.
        Centillion50NSwitch = 42, "Centillion 50N switch";
        /// 43.
        Centillion50TSwitch = 43, "Centillion 50T switch";
        /// 44.
        Baystack303And304Switches = 44, "BayStack 303 and 304 Switches";
        /// 45.
        Baystack200EthernetHub = 45, "BayStack 200 Ethernet Hub";
        /// 46.
        Baystack25010100EthernetHub = 46, "BayStack 250 10/100 Ethernet Hub";
        /// 48.
        Baystack450101001000Switches = 48, "BayStack 450 10/100/1000 Switches";
        /// 49.
        Baystack41010100Switches = 49, "BayStack 410 10/100 Switches";
        /// 50.
        Passport1200L3Switch = 50, "Passport 1200 L3 Switch";
        /// 51.
        Passport1250L3Switch = 51, "Passport 1250 L3 Switch";
        /// 52.
        Passport1100L3Switch = 52, "Passport 1100 L3 Switch";
        /// 53.
        Passport1150L3Switch = 53, "Passport 1150 L3 Switch";
        /// 54.
        Passport1050L3Switch = 54, "Passport 1050 L3 Switch";
        /// 55.
        Passport1051L3Switch = 55, "Passport 1051 L3 Switch";
        /// 56.
        Passport8610L3Switch = 56, "Passport 8610 L3 Switch";
        /// 57.
        Passport8606L3Switch = 57, "Passport 8606 L3 Switch";
        /// 58.
        Passport8010 = 58, "Passport 8010";
        /// 59.
        Passport8006 = 59, "Passport 8006";
        /// 60.
        Baystack670WirelessAccessPoint = 60, "BayStack 670 wireless access point";
        /// 61.
        Passport740 = 61, "Passport 740";
        /// 62.
        Passport750 = 62, "Passport 750";
        /// 63.
        Passport790 = 63, "Passport 790";
        /// 64.
        BusinessPolicySwitch200010100Switches = 64, "Business Policy Switch 2000 10/100 Switches";
        /// 65.
        Passport8110L2Switch = 65, "Passport 8110 L2 Switch";
        /// 66.
        Passport8106L2Switch = 66, "Passport 8106 L2 Switch";
        /// 67.
        Baystack3580GigSwitch = 67, "BayStack 3580 Gig Switch";
        /// 68.
        Baystack10PowerSupplyUnit = 68, "BayStack 10 Power Supply Unit";
        /// 69.
        Baystack42010100Switch = 69, "BayStack 420 10/100 Switch";
        /// 70.
        OpteraMetro1200EthernetServiceModule = 70, "OPTera Metro 1200 Ethernet Service Module";
        /// 71.
        Optera8010co = 71, "OPTera 8010co";
        /// 72.
        Optera8610coL3Switch = 72, "OPTera 8610co L3 switch";
        /// 73.
        Optera8110coL2Switch = 73, "OPTera 8110co L2 switch";
        /// 74.
        Optera8003 = 74, "OPTera 8003";
        /// 75.
        Optera8603L3Switch = 75, "OPTera 8603 L3 switch";
        /// 76.
        Optera8103L2Switch = 76, "OPTera 8103 L2 switch";
        /// 77.
        Baystack380101001000Switch = 77, "BayStack 380 10/100/1000 Switch";
        /// 78.
        EthernetSwitch47048T = 78, "Ethernet Switch 470-48T";
        /// 79.
        OpteraMetro1450EthernetServiceModule = 79, "OPTera Metro 1450 Ethernet Service Module";
        /// 80.
        OpteraMetro1400EthernetServiceModule = 80, "OPTera Metro 1400 Ethernet Service Module";
        /// 81.
        AlteonSwitchFamily = 81, "Alteon Switch Family";
        /// 82.
        EthernetSwitch46024TPwr = 82, "Ethernet Switch 460-24T-PWR";
        /// 83.
        OpteraMetro8010OpmL2Switch = 83, "OPTera Metro 8010 OPM L2 Switch";
        /// 84.
        OpteraMetro8010coOpmL2Switch = 84, "OPTera Metro 8010co OPM L2 Switch";
        /// 85.
        OpteraMetro8006OpmL2Switch = 85, "OPTera Metro 8006 OPM L2 Switch";
        /// 86.
        OpteraMetro8003OpmL2Switch = 86, "OPTera Metro 8003 OPM L2 Switch";
        /// 87.
        Alteon180e = 87, "Alteon 180e";
        /// 88.
        AlteonAD3 = 88, "Alteon AD3";
        /// 89.
        Alteon184 = 89, "Alteon 184";
        /// 90.
        AlteonAD4 = 90, "Alteon AD4";
        /// 91.
        Passport1424L3Switch = 91, "Passport 1424 L3 switch";
        /// 92.
        Passport1648L3Switch = 92, "Passport 1648 L3 switch";
        /// 93.
        Passport1612L3Switch = 93, "Passport 1612 L3 switch";
        /// 94.
        Passport1624L3Switch = 94, "Passport 1624 L3 switch";
        /// 95.
        Baystack38024FFiber1000Switch = 95, "BayStack 380-24F Fiber 1000 Switch";
        /// 96.
        Ers551024T = 96, "Ethernet Routing Switch 5510-24T";
        /// 97.
        Ers551048T = 97, "Ethernet Routing Switch 5510-48T";
        /// 98.
        EthernetSwitch47024T = 98, "Ethernet Switch 470-24T";
        /// 99.
        WirelessLanAccessPoint2220 = 99, "Nortel Networks Wireless LAN Access Point 2220";
        /// 100.
        PassportRbs2402L3Switch = 100, "Passport RBS 2402 L3 switch";
        /// 101.
        AlteonApplicationSwitch2424 = 101, "Alteon Application Switch 2424";
        /// 102.
        AlteonApplicationSwitch2224 = 102, "Alteon Application Switch 2224";
        /// 103.
        AlteonApplicationSwitch2208 = 103, "Alteon Application Switch 2208";
        /// 104.
        AlteonApplicationSwitch2216 = 104, "Alteon Application Switch 2216";
        /// 105.
        AlteonApplicationSwitch3408 = 105, "Alteon Application Switch 3408";
        /// 106.
        AlteonApplicationSwitch3416 = 106, "Alteon Application Switch 3416";
        /// 107.
        WirelessLanSecurityswitch2250 = 107, "Nortel Networks Wireless LAN SecuritySwitch 2250";
        /// 108.
        EthernetSwitch42548T = 108, "Ethernet Switch 425-48T";
        /// 109.
        EthernetSwitch42524T = 109, "Ethernet Switch 425-24T";
        /// 110.
        WirelessLanAccessPoint2221 = 110, "Nortel Networks Wireless LAN Access Point 2221";
        /// 111.
        NortelMetroEthernetServiceUnit24TSpfSwit = 111, "Nortel Metro Ethernet Service Unit 24-T SPF switch";
        /// 112.
        NortelMetroEthernetServiceUnit24TLxDcSwi = 112, "Nortel Metro Ethernet Service Unit 24-T LX DC switch";
        /// 113.
        Passport830010SlotChassis = 113, "Passport 8300 10-slot chassis";
        /// 114.
        Passport83006SlotChassis = 114, "Passport 8300 6-slot chassis";
        /// 115.
        Ers552024TPwr = 115, "Ethernet Routing Switch 5520-24T-PWR";
        /// 116.
        Ers552048TPwr = 116, "Ethernet Routing Switch 5520-48T-PWR";
        /// 117.
        VpnGateway3050 = 117, "Nortel Networks VPN Gateway 3050";
        /// 118.
        AlteonSsl31010100 = 118, "Alteon SSL 310 10/100";
        /// 119.
        AlteonSsl31010100Fiber = 119, "Alteon SSL 310 10/100 Fiber";
        /// 120.
        AlteonSsl31010100Fips = 120, "Alteon SSL 310 10/100 FIPS";
        /// 121.
        AlteonSsl410101001000 = 121, "Alteon SSL 410 10/100/1000";
        /// 122.
        AlteonSsl410101001000Fiber = 122, "Alteon SSL 410 10/100/1000 Fiber";
        /// 123.
        AlteonApplicationSwitch2424Ssl = 123, "Alteon Application Switch 2424-SSL";
        /// 124.
        EthernetSwitch32524T = 124, "Ethernet Switch 325-24T";
        /// 125.
        EthernetSwitch32524G = 125, "Ethernet Switch 325-24G";
        /// 126.
        WirelessLanAccessPoint2225 = 126, "Nortel Networks Wireless LAN Access Point 2225";
        /// 127.
        WirelessLanSecurityswitch2270 = 127, "Nortel Networks Wireless LAN SecuritySwitch 2270";
        /// 128.
        Model24PortEthernetSwitch47024TPwr = 128, "24-port Ethernet Switch 470-24T-PWR";
        /// 129.
        Model48PortEthernetSwitch47048TPwr = 129, "48-port Ethernet Switch 470-48T-PWR";
        /// 130.
        Ers553024TFD = 130, "Ethernet Routing Switch 5530-24TFD";
        /// 131.
        EthernetSwitch351024T = 131, "Ethernet Switch 3510-24T";
        /// 132.
        NortelMetroEthernetServiceUnit12GAcL3Swi = 132, "Nortel Metro Ethernet Service Unit 12G AC L3 switch";
        /// 133.
        NortelMetroEthernetServiceUnit12GDcL3Swi = 133, "Nortel Metro Ethernet Service Unit 12G DC L3 switch";
        /// 134.
        NortelSecureAccessSwitch = 134, "Nortel Secure Access Switch";
        /// 135.
        VpnGateway3070 = 135, "Nortel Networks VPN Gateway 3070";
        /// 136.
        OpteraMetro3500 = 136, "OPTera Metro 3500";
        /// 137.
        SmbBes101024T = 137, "SMB BES 1010 24T";
        /// 138.
        SmbBes101048T = 138, "SMB BES 1010 48T";
        /// 139.
        SmbBes102024TPwr = 139, "SMB BES 1020 24T PWR";
        /// 140.
        SmbBes102048TPwr = 140, "SMB BES 1020 48T PWR";
        /// 141.
        SmbBes201024T = 141, "SMB BES 2010 24T";
        /// 142.
        SmbBes201048T = 142, "SMB BES 2010 48T";
        /// 143.
        SmbBes202024TPwr = 143, "SMB BES 2020 24T PWR";
        /// 144.
        SmbBes202048TPwr = 144, "SMB BES 2020 48T PWR";
        /// 145.
        SmbBes11024T = 145, "SMB BES 110 24T";
        /// 146.
        SmbBes11048T = 146, "SMB BES 110 48T";
        /// 147.
        SmbBes12024TPwr = 147, "SMB BES 120 24T PWR";
        /// 148.
        SmbBes12048TPwr = 148, "SMB BES 120 48T PWR";
        /// 149.
        SmbBes21024T = 149, "SMB BES 210 24T";
        /// 150.
        SmbBes21048T = 150, "SMB BES 210 48T";
        /// 151.
        SmbBes22024TPwr = 151, "SMB BES 220 24T PWR";
        /// 152.
        SmbBes22048TPwr = 152, "SMB BES 220 48T PWR";
        /// 153.
        Ome6500 = 153, "OME 6500";
        /// 154.
        Ers4548GT = 154, "Ethernet Routing Switch 4548GT";
        /// 155.
        Ers4548GTPwr = 155, "Ethernet Routing Switch 4548GT-PWR";
        /// 156.
        Ers4550T = 156, "Ethernet Routing Switch 4550T";
        /// 157.
        Ers4550TPwr = 157, "Ethernet Routing Switch 4550T-PWR";
        /// 158.
        Ers4526FX = 158, "Ethernet Routing Switch 4526FX";
        /// 159.
        Ers250026T = 159, "Ethernet Routing Switch 2500-26T";
        /// 160.
        Ers250026TPwr = 160, "Ethernet Routing Switch 2500-26T-PWR";
        /// 161.
        Ers250050T = 161, "Ethernet Routing Switch 2500-50T";
        /// 162.
        Ers250050TPwr = 162, "Ethernet Routing Switch 2500-50T-PWR";
        /// 213.
        VirtualServicesPlatform8284XSQ = 213, "Virtual Services Platform 8284XSQ";
    }
}
